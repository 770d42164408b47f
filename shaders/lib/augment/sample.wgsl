// Random draws for a sample, from its key only.
#import lib/random

@group(0) @binding(13) var<storage, read> keys: array<u32>; // (N, 4) seed, epoch, sample index, 0

struct SampleKey {
  seed: u32,
  epoch: u32,
  sample: u32, // index in the data set
}

// The key of sample `n` of the batch.
fn key_of(n: u32) -> SampleKey {
  return SampleKey(keys[4u * n], keys[4u * n + 1u], keys[4u * n + 2u]);
}

// The four words of a block of a sample.
fn draw(key: SampleKey, operation: u32, number: u32) -> vec4u {
  return philox(vec4u(number, operation, key.sample, key.epoch), vec2u(key.seed, 0u));
}

// Whether an operation with a probability changes the sample: drawn from block 0. Its parameters are drawn from block 1 on.
fn chosen(key: SampleKey, operation: u32, probability: f32) -> bool {
  return uniform01(draw(key, operation, 0u).x) < probability;
}

// Uniform in [low, high), a multiple of 2^-24 of the way.
fn between(low: f32, high: f32, word: u32) -> f32 {
  return low + (high - low) * uniform01(word);
}
