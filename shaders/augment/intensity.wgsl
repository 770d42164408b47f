// Voxelwise intensity augmentation in one pass: bias field, gamma, noise, scale, clip.
#import lib/quad
#import lib/math
#import lib/augment/spline
#import lib/augment/intensity
#import lib/activation

struct Params {
  quads: Quads,
  lattice: Lattice, // of the bias field
  finish: Finish,
  @align(16) gamma_probability: f32,
  log_gamma_low: f32,
  log_gamma_high: f32,
}

@group(0) @binding(0) var<storage, read> image: array<f32>; // (n, c, H, W, D)
@group(0) @binding(1) var<storage, read_write> augmented: array<Activation>; // (n, c, H, W, D)
@group(0) @binding(2) var<uniform> params: Params;

// 255 · (x / 255)^gamma, with x clamped to 0..255.
fn with_gamma(intensity: f32, gamma: f32) -> f32 {
  let share = clamp(intensity / MAX_INTENSITY, 0.0, 1.0);
  return select(MAX_INTENSITY * exp_accurate(gamma * log_accurate(share)), 0.0, share == 0.0);
}

// Computes a quad whose voxels are first multiplied by `field`.
fn make(quad: Quad, field: vec4f) {
  let key = key_of(quad.sample);
  let first = quad.first;
  var values = field * vec4f(image[first], image[first + 1u], image[first + 2u], image[first + 3u]);
  if (chosen(key, OP_GAMMA, params.gamma_probability)) {
    let word = draw(key, OP_GAMMA, 1u + quad.channel).x;
    let gamma = exp_accurate(between(params.log_gamma_low, params.log_gamma_high, word));
    for (var i = 0u; i < 4u; i++) {
      values[i] = with_gamma(values[i], gamma);
    }
  }
  let made = finished(values, key, quad.element, params.finish);
  for (var i = 0u; i < 4u; i++) {
    augmented[first + i] = Activation(made[i]);
  }
}

fn field_of(quad: Quad) -> vec4f {
  let splines = spline_quad(quad.n, quad.axes, params.lattice);
  return vec4f(
    exp_accurate(splines[0].x),
    exp_accurate(splines[1].x),
    exp_accurate(splines[2].x),
    exp_accurate(splines[3].x),
  );
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  if (index < params.quads.quads) {
    make(quad_of(index, params.quads), vec4f(1.0));
  }
}

@compute @workgroup_size(WORKGROUP)
fn bias_field(at: Invocation) {
  let index = index_of(at);
  if (index < params.quads.quads) {
    let quad = quad_of(index, params.quads);
    make(quad, field_of(quad));
  }
}
