// Flip, rotation and elastic deformation (one trilinear lookup, outside = 0), noise, intensity scale and clip of an image in one pass.
// One invocation makes four neighbours along D, which share a block of noise.
#import lib/grid
#import lib/random
#import lib/sample
#import lib/volume
#import lib/pose
#import lib/intensity
#import lib/activation

struct Params {
  size: vec3u,          // (H, W, D) voxels, D a multiple of 4
  quads: u32,           // invocations: samples · channels · voxels / 4 of the slice
  channels: u32,        // of the slice
  first_sample: u32,
  first_channel: u32,
  flip_axes: u32,       // bit i: axis i may flip
  flip_probability: f32,
  rotation_turns: f32,
  noise_std: f32,       // intensities
  scale_low: f32,
  scale_high: f32,
}

@group(0) @binding(0) var<storage, read> image: array<f32>;          // (n, c, H, W, D)
@group(0) @binding(1) var<storage, read> keys: array<u32>;           // (N, 4)
@group(0) @binding(2) var<storage, read_write> augmented: array<Activation>; // (n, c, H, W, D)
@group(0) @binding(3) var<uniform> params: Params;
@group(0) @binding(4) var<storage, read> displacement: array<f32>;   // (n, 3, H, W, D) voxels

const WORKGROUP: u32 = 256u;

fn intensity(base: u32, axes: vec3i) -> f32 {
  if (!inside(axes, params.size)) {
    return 0.0;
  }
  return image[base + voxel_index(axes, params.size)];
}

fn trilinear(base: u32, position: vec3f) -> f32 {
  let low = floor(position);
  let corner = vec3i(low);
  let far = position - low;
  let near = 1.0 - far;
  var sum = 0.0;
  for (var i = 0; i < 8; i++) {
    let side = vec3i(i >> 2u, (i >> 1u) & 1, i & 1);
    let weight = select(near, far, side == vec3i(1));
    sum += weight.x * weight.y * weight.z * intensity(base, corner + side);
  }
  return sum;
}

// Makes quad `index`, each of whose voxels looks `aside` from its own place.
fn make(index: u32, aside: array<vec3f, 4>) {
  let voxels = params.size.x * params.size.y * params.size.z;
  let volume = index * 4u / voxels;
  let voxel = index * 4u % voxels;
  let k = (params.first_sample + volume / params.channels) * 4u;
  let key = SampleKey(keys[k], keys[k + 1u], keys[k + 2u]);
  let pose = sample_pose(key, params.flip_axes, params.flip_probability, params.rotation_turns);
  let axes = voxel_axes(voxel, params.size);
  var moved: vec4f;
  for (var i = 0u; i < 4u; i++) {
    let place = vec3f(axes + vec3u(0u, 0u, i)) + aside[i];
    moved[i] = trilinear(volume * voxels, source_position(pose, place, params.size));
  }
  let element = (params.first_channel + volume % params.channels) * voxels + voxel;
  let made = finished(moved, key, element, Finish(params.noise_std, params.scale_low, params.scale_high));
  for (var i = 0u; i < 4u; i++) {
    augmented[index * 4u + i] = Activation(made[i]);
  }
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = linear_index(group, groups, local, WORKGROUP);
  if (index < params.quads) {
    make(index, array<vec3f, 4>());
  }
}

@compute @workgroup_size(256)
fn elastic(
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
  var aside: array<vec3f, 4>;
  for (var i = 0u; i < 4u; i++) {
    let at = n * 3u * voxels + index * 4u % voxels + i;
    aside[i] = vec3f(displacement[at], displacement[at + voxels], displacement[at + 2u * voxels]);
  }
  make(index, aside);
}
