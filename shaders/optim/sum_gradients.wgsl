// gradient = earlier + gradient, element by element: two neighbours in the tree of a window's gradients.
#import lib/grid

struct Params {
  elements: u32,
}

@group(0) @binding(0) var<storage, read> earlier: array<f32>; // (elements)
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>; // (elements)
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let stride = grid_size(at);
  for (var i = index_of(at); i < params.elements; i += stride) {
    gradient[i] = earlier[i] + gradient[i];
  }
}
