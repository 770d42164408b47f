#import lib/span
#import lib/activation

// Each voxel of a plane gets an equal share of the gradient of the plane's mean.
override ACCUMULATE: bool = false;

@group(0) @binding(0) var<uniform> params: Spans;
@group(0) @binding(1) var<storage, read> d_output: array<f32>; // (N, C)
@group(0) @binding(2) var<storage, read_write> d_input: array<Activation>; // (planes, V)

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let span = span_at(at, params);
  let share = d_output[span.plane] / f32(params.cut.x);
  for (var v = span.first; v < span.end; v += span.step) {
    d_input[v] = Activation(select(0.0, f32(d_input[v]), ACCUMULATE) + share);
  }
}
