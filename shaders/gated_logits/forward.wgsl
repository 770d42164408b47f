// z = A * u + b_s
#import lib/grid
#import lib/activation

struct Params {
  elements: u32,
  first_pair: u32,
  voxels: u32,
  structures: u32,
}

@group(0) @binding(0) var<storage, read> attention: array<f32>; // (pairs, V)
@group(0) @binding(1) var<storage, read> response: array<Activation>; // (pairs, V)
@group(0) @binding(2) var<storage, read> bias: array<f32>; // (S)
@group(0) @binding(3) var<storage, read_write> logits: array<f32>; // (pairs, V)
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  for (var i = index_of(at); i < params.elements; i += grid_size(at)) {
    let structure = (params.first_pair + i / params.voxels) % params.structures;
    logits[i] = fma(attention[i], f32(response[i]), bias[structure]);
  }
}
