// Voxels with a positive logit, one bit each; one word per invocation.
#import lib/grid

struct Params {
  words: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>; // (pairs, V)
@group(0) @binding(1) var<storage, read_write> bits: array<u32>; // (pairs, V / 32)
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let word = index_of(at);
  if (word >= params.words) {
    return;
  }
  var found = 0u;
  for (var j = 0u; j < 32u; j++) {
    found |= select(0u, 1u << j, logits[32u * word + j] > 0.0);
  }
  bits[word] = found;
}
