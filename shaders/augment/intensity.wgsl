// What changes the intensities of an image voxel by voxel, in one pass: bias field, gamma, noise, scale, clip. One invocation makes
// four neighbours along D.
#import lib/grid
#import lib/random
#import lib/sample
#import lib/volume
#import lib/math
#import lib/spline
#import lib/intensity
#import lib/activation

struct Params {
  size: vec3u,            // (H, W, D) voxels, D a multiple of 4
  quads: u32,             // invocations: samples · channels · voxels / 4 of the slice
  channels: u32,          // of the slice
  first_sample: u32,
  first_channel: u32,
  gamma_probability: f32,
  log_gamma_low: f32,
  log_gamma_high: f32,
  noise_std: f32,         // intensities
  scale_low: f32,
  scale_high: f32,
  counts: vec3u,          // control points of the bias field along (H, W, D)
  points: u32,            // of a sample, filling included
  spacing: vec3f,         // voxels
}

@group(0) @binding(0) var<storage, read> image: array<f32>;                  // (n, c, H, W, D)
@group(0) @binding(1) var<storage, read> keys: array<u32>;                   // (N, 4)
@group(0) @binding(2) var<storage, read_write> augmented: array<Activation>; // (n, c, H, W, D)
@group(0) @binding(3) var<uniform> params: Params;

const WORKGROUP: u32 = 64u;

// 255 · (x / 255)^gamma; what lies outside 0..255 counts as its end.
fn with_gamma(intensity: f32, gamma: f32) -> f32 {
  let share = clamp(intensity / MAX_INTENSITY, 0.0, 1.0);
  return select(MAX_INTENSITY * exp_accurate(gamma * log_accurate(share)), 0.0, share == 0.0);
}

// Makes quad `index`, each of whose voxels is first multiplied by its part of `field`.
fn make(index: u32, field: vec4f) {
  let voxels = params.size.x * params.size.y * params.size.z;
  let volume = index * 4u / voxels;
  let channel = params.first_channel + volume % params.channels;
  let k = (params.first_sample + volume / params.channels) * 4u;
  let key = SampleKey(keys[k], keys[k + 1u], keys[k + 2u]);
  let first = index * 4u;
  var values = field * vec4f(image[first], image[first + 1u], image[first + 2u], image[first + 3u]);
  if (chosen(key, OP_GAMMA, params.gamma_probability)) {
    let gamma = exp_accurate(between(params.log_gamma_low, params.log_gamma_high, draw(key, OP_GAMMA, 1u + channel).x));
    for (var i = 0u; i < 4u; i++) {
      values[i] = with_gamma(values[i], gamma);
    }
  }
  let finish = Finish(params.noise_std, params.scale_low, params.scale_high);
  let made = finished(values, key, channel * voxels + first % voxels, finish);
  for (var i = 0u; i < 4u; i++) {
    augmented[first + i] = Activation(made[i]);
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = linear_index(group, groups, local, WORKGROUP);
  if (index < params.quads) {
    make(index, vec4f(1.0));
  }
}

@compute @workgroup_size(64)
fn bias_field(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = linear_index(group, groups, local, WORKGROUP);
  if (index >= params.quads) {
    return;
  }
  let voxels = params.size.x * params.size.y * params.size.z;
  let n = index * 4u / voxels / params.channels;
  let lattice = Lattice(params.counts, params.points, params.spacing);
  let quad = spline_quad(n, voxel_axes(index * 4u % voxels, params.size), lattice);
  var field: vec4f;
  for (var i = 0u; i < 4u; i++) {
    field[i] = exp_accurate(quad[i].x);
  }
  make(index, field);
}
