// Draws the control points of an operation's splines: four values each, uniform in ±amplitude, or 0 in samples that the operation
// does not change.
#import lib/grid
#import lib/augment/sample

struct Params {
  points: u32, // per sample, padding included
  invocations: u32, // samples · points of the slice
  first_sample: u32,
  operation: u32,
  probability: f32,
  amplitude: f32,
}

@group(0) @binding(1) var<storage, read_write> drawn: array<vec4f>; // (n, points)
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  if (index < params.invocations) {
    let key = key_of(params.first_sample + index / params.points);
    let words = draw(key, params.operation, 1u + index % params.points);
    let uniforms = vec4f(uniform01(words.x), uniform01(words.y), uniform01(words.z), uniform01(words.w));
    drawn[index] = select(vec4f(), params.amplitude * (2.0 * uniforms - 1.0), chosen(key, params.operation, params.probability));
  }
}
