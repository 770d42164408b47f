#import lib/random

// The dropout factor of element `element` of a sample: 0, or 1 / (1 − probability) if it is kept. `key` is (seed, epoch,
// sample index, 0).
fn dropout_factor(key: vec4u, element: u32, probability: f32) -> f32 {
  let words = philox(vec4u(element / 4u, OP_DROPOUT, key.z, key.y), vec2u(key.x, 0u));
  return select(1.0 / (1.0 - probability), 0.0, uniform01(words[element % 4u]) < probability);
}
