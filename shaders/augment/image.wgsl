// Flip, rotation and elastic deformation (one trilinear lookup, outside = 0), noise, intensity scale and clip of an image in one pass.
#import lib/quad
#import lib/augment/pose
#import lib/augment/displacement
#import lib/augment/intensity
#import lib/activation

struct Params {
  quads: Quads,
  range: PoseRange,
  @align(16) finish: Finish,
}

@group(0) @binding(0) var<storage, read> image: array<f32>; // (n, c, H, W, D)
@group(0) @binding(1) var<storage, read_write> augmented: array<Activation>; // (n, c, H, W, D)
@group(0) @binding(2) var<uniform> params: Params;

fn intensity(base: u32, axes: vec3i) -> f32 {
  if (!inside(axes, params.quads.size)) {
    return 0.0;
  }
  return image[base + voxel_index(axes, params.quads.size)];
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

// Computes a quad whose voxels are displaced by `aside`.
fn make(quad: Quad, aside: array<vec3f, 4>) {
  let key = key_of(quad.sample);
  let pose = sample_pose(key, params.range);
  var moved: vec4f;
  for (var i = 0u; i < 4u; i++) {
    let place = vec3f(quad.axes + vec3u(0u, 0u, i)) + aside[i];
    moved[i] = trilinear(quad.base, source_position(pose, place, params.quads.size));
  }
  let made = finished(moved, key, quad.element, params.finish);
  for (var i = 0u; i < 4u; i++) {
    augmented[quad.first + i] = Activation(made[i]);
  }
}

fn aside_of(quad: Quad) -> array<vec3f, 4> {
  let voxels = params.quads.size.x * params.quads.size.y * params.quads.size.z;
  var aside: array<vec3f, 4>;
  for (var i = 0u; i < 4u; i++) {
    aside[i] = displacement_of(quad.n, quad.first - quad.base + i, voxels);
  }
  return aside;
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  if (index < params.quads.quads) {
    make(quad_of(index, params.quads), array<vec3f, 4>());
  }
}

@compute @workgroup_size(WORKGROUP)
fn elastic(at: Invocation) {
  let index = index_of(at);
  if (index < params.quads.quads) {
    let quad = quad_of(index, params.quads);
    make(quad, aside_of(quad));
  }
}
