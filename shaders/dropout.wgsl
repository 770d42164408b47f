#import lib/grid
#import lib/dropout

// Forward and backward: both multiply by the same factors, which depend only on the element's address.
override ACCUMULATE: bool = false;

struct Params {
  count: u32,
  first: u32, // index of this run's first element in the whole tensor
  elements: u32, // of a sample
  element: u32, // index of a sample's first element
  probability: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> keys: array<vec4u>; // (N) (seed, epoch, sample index, 0)
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let i = index_of(at);
  if (i >= params.count) {
    return;
  }
  let sample = (params.first + i) / params.elements;
  let element = params.element + params.first + i - sample * params.elements;
  let factor = dropout_factor(keys[sample], element, params.probability);
  y[i] = select(0.0, y[i], ACCUMULATE) + x[i] * factor;
}
