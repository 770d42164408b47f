// What an image loses along one axis: `blur` convolves with a Gaussian, `low_resolution` averages into fewer, larger voxels and
// interpolates between those. Each channel of a sample and each axis has its own strength. Beyond the volume its outermost voxels go
// on. One invocation makes four neighbours along D.
#import lib/grid
#import lib/random
#import lib/sample
#import lib/volume
#import lib/math

struct Params {
  size: vec3u,      // (H, W, D) voxels, D a multiple of 4
  quads: u32,       // invocations: samples · channels · voxels / 4 of the slice
  channels: u32,    // of the slice
  first_sample: u32,
  first_channel: u32,
  axis: u32,
  probability: f32,
  low: f32,         // blur: standard deviation in voxels; low_resolution: voxels that become one
  high: f32,
}

@group(0) @binding(0) var<storage, read> image: array<f32>;             // (n, c, H, W, D)
@group(0) @binding(1) var<storage, read> keys: array<u32>;              // (N, 4)
@group(0) @binding(2) var<storage, read_write> coarser: array<f32>;     // (n, c, H, W, D)
@group(0) @binding(3) var<uniform> params: Params;

// Standard deviations at which the Gaussian ends.
const TRUNCATE: f32 = 4.0;
// Voxels; less is no blur.
const SMALLEST_DEVIATION: f32 = 1e-3;

struct Quad {
  base: u32,     // index of its volume's first voxel
  axes: vec3u,   // of its first voxel
  changed: bool, // whether the operation changes the sample
  strength: f32, // for its channel and the axis
}

fn quad_of(index: u32, operation: u32) -> Quad {
  let voxels = params.size.x * params.size.y * params.size.z;
  let volume = index * 4u / voxels;
  let k = (params.first_sample + volume / params.channels) * 4u;
  let key = SampleKey(keys[k], keys[k + 1u], keys[k + 2u]);
  let words = draw(key, operation, 1u + params.first_channel + volume % params.channels);
  return Quad(
    volume * voxels,
    voxel_axes(index * 4u % voxels, params.size),
    chosen(key, operation, params.probability),
    between(params.low, params.high, words[params.axis]),
  );
}

// The voxel in the line of `axes` that stands at `place` of the axis.
fn in_line(base: u32, axes: vec3u, place: u32) -> f32 {
  var at = vec3i(axes);
  at[params.axis] = i32(place);
  return image[base + voxel_index(at, params.size)];
}

fn gaussian(quad: Quad) -> vec4f {
  let deviation = max(quad.strength, SMALLEST_DEVIATION);
  let radius = i32(floor(TRUNCATE * deviation + 0.5));
  let last = i32(params.size[params.axis]) - 1;
  var sum = vec4f();
  var total = 0.0;
  for (var offset = -radius; offset <= radius; offset++) {
    let distance = f32(offset) / deviation;
    let weight = exp_accurate(-0.5 * distance * distance);
    total += weight;
    for (var i = 0u; i < 4u; i++) {
      let axes = quad.axes + vec3u(0u, 0u, i);
      sum[i] += weight * in_line(quad.base, axes, u32(clamp(i32(axes[params.axis]) + offset, 0, last)));
    }
  }
  return sum / total;
}

// The mean of large voxel `cell` of `count` in the line of `axes`. In units in which a voxel is `count` and a large voxel `size` long
// all borders are whole numbers.
fn large_voxel(base: u32, axes: vec3u, cell: u32, count: u32) -> f32 {
  let size = params.size[params.axis];
  let begin = cell * size;
  let end = begin + size;
  var sum = 0.0;
  for (var i = begin / count; i * count < end; i++) {
    let overlap = min((i + 1u) * count, end) - max(i * count, begin);
    sum += f32(overlap) * in_line(base, axes, i);
  }
  return sum / f32(size);
}

// Between the centres of the two nearest large voxels, linear.
fn interpolated(quad: Quad, i: u32) -> f32 {
  let axes = quad.axes + vec3u(0u, 0u, i);
  let size = params.size[params.axis];
  let count = clamp(u32(floor(f32(size) / quad.strength + 0.5)), 1u, size);
  // centre of the voxel less half a large voxel, in units of which a large voxel has 2 · size; a large voxel is added to stay above 0
  let place = (2u * axes[params.axis] + 1u) * count + size;
  let right = place / (2u * size);
  let share = f32(place % (2u * size)) / f32(2u * size);
  let near = large_voxel(quad.base, axes, max(right, 1u) - 1u, count);
  let far = large_voxel(quad.base, axes, min(right, count - 1u), count);
  return near + (far - near) * share;
}

fn unchanged(quad: Quad) -> vec4f {
  let first = quad.base + voxel_index(vec3i(quad.axes), params.size);
  return vec4f(image[first], image[first + 1u], image[first + 2u], image[first + 3u]);
}

fn store(index: u32, values: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    coarser[index * 4u + i] = values[i];
  }
}

@compute @workgroup_size(64)
fn blur(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = linear_index(group, groups, local, 64u);
  if (index >= params.quads) {
    return;
  }
  let quad = quad_of(index, OP_BLUR);
  if (quad.changed) {
    store(index, gaussian(quad));
  } else {
    store(index, unchanged(quad));
  }
}

@compute @workgroup_size(64)
fn low_resolution(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = linear_index(group, groups, local, 64u);
  if (index >= params.quads) {
    return;
  }
  let quad = quad_of(index, OP_LOW_RESOLUTION);
  var values = unchanged(quad);
  if (quad.changed) {
    values = vec4f(interpolated(quad, 0u), interpolated(quad, 1u), interpolated(quad, 2u), interpolated(quad, 3u));
  }
  store(index, values);
}
