// Loss of resolution along one axis: `blur` convolves with a Gaussian; `low_resolution` averages into fewer, larger voxels and
// interpolates between them. The strength is drawn per channel and axis. Boundary voxels are replicated. An invocation computes four
// neighbours along D.
#import lib/quad
#import lib/augment/sample
#import lib/math

struct Params {
  quads: Quads,
  axis: u32,
  probability: f32,
  low: f32, // blur: standard deviation in voxels; low_resolution: voxels averaged into one
  high: f32,
}

@group(0) @binding(0) var<storage, read> image: array<f32>; // (n, c, H, W, D)
@group(0) @binding(1) var<storage, read_write> coarser: array<f32>; // (n, c, H, W, D)
@group(0) @binding(2) var<uniform> params: Params;

// The Gaussian is truncated at this many standard deviations.
const TRUNCATE: f32 = 4.0;
// In voxels; smaller values do not blur.
const SMALLEST_DEVIATION: f32 = 1e-3;

// The strength of an operation for a channel and the axis.
fn strength_of(key: SampleKey, channel: u32, operation: u32) -> f32 {
  return between(params.low, params.high, draw(key, operation, 1u + channel)[params.axis]);
}

// The voxel at `place` on the line through `axes` along the axis.
fn in_line(base: u32, axes: vec3u, place: u32) -> f32 {
  var at = vec3i(axes);
  at[params.axis] = i32(place);
  return image[base + voxel_index(at, params.quads.size)];
}

fn gaussian(quad: Quad, strength: f32) -> vec4f {
  let deviation = max(strength, SMALLEST_DEVIATION);
  let radius = i32(floor(TRUNCATE * deviation + 0.5));
  let last = i32(params.quads.size[params.axis]) - 1;
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

// The mean of large voxel `cell` of `count` on the line through `axes`. In units where a voxel has length `count` and a large voxel
// length `size`, all borders are integers.
fn large_voxel(base: u32, axes: vec3u, cell: u32, count: u32) -> f32 {
  let size = params.quads.size[params.axis];
  let begin = cell * size;
  let end = begin + size;
  var sum = 0.0;
  for (var i = begin / count; i * count < end; i++) {
    let overlap = min((i + 1u) * count, end) - max(i * count, begin);
    sum += f32(overlap) * in_line(base, axes, i);
  }
  return sum / f32(size);
}

// Linear interpolation between the centres of the two nearest large voxels.
fn interpolated(quad: Quad, strength: f32, i: u32) -> f32 {
  let axes = quad.axes + vec3u(0u, 0u, i);
  let size = params.quads.size[params.axis];
  let count = clamp(u32(floor(f32(size) / strength + 0.5)), 1u, size);
  // Centre of the voxel minus half a large voxel, in units where a large voxel has length 2 · size; plus one large voxel to stay
  // above 0.
  let place = (2u * axes[params.axis] + 1u) * count + size;
  let right = place / (2u * size);
  let share = f32(place % (2u * size)) / f32(2u * size);
  let near = large_voxel(quad.base, axes, max(right, 1u) - 1u, count);
  let far = large_voxel(quad.base, axes, min(right, count - 1u), count);
  return near + (far - near) * share;
}

fn unchanged(quad: Quad) -> vec4f {
  return vec4f(image[quad.first], image[quad.first + 1u], image[quad.first + 2u], image[quad.first + 3u]);
}

fn blurred(quad: Quad) -> vec4f {
  let key = key_of(quad.sample);
  if (chosen(key, OP_BLUR, params.probability)) {
    return gaussian(quad, strength_of(key, quad.channel, OP_BLUR));
  }
  return unchanged(quad);
}

fn coarsened(quad: Quad) -> vec4f {
  let key = key_of(quad.sample);
  var values = unchanged(quad);
  if (chosen(key, OP_LOW_RESOLUTION, params.probability)) {
    let strength = strength_of(key, quad.channel, OP_LOW_RESOLUTION);
    values = vec4f(
      interpolated(quad, strength, 0u),
      interpolated(quad, strength, 1u),
      interpolated(quad, strength, 2u),
      interpolated(quad, strength, 3u),
    );
  }
  return values;
}

fn store(index: u32, values: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    coarser[index * 4u + i] = values[i];
  }
}

@compute @workgroup_size(WORKGROUP)
fn blur(at: Invocation) {
  let index = index_of(at);
  if (index < params.quads.quads) {
    store(index, blurred(quad_of(index, params.quads)));
  }
}

@compute @workgroup_size(WORKGROUP)
fn low_resolution(at: Invocation) {
  let index = index_of(at);
  if (index < params.quads.quads) {
    store(index, coarsened(quad_of(index, params.quads)));
  }
}
