// How a sample is turned and mirrored, from its key alone: the image kernel and the label kernel must agree.
#import lib/random

// A sample's key: seed, epoch, sample index; one of four u32 a sample, the last unused.
struct SampleKey {
  seed: u32,
  epoch: u32,
  sample: u32, // index in the data set
}

// The four words of a block of a sample.
fn draw(key: SampleKey, operation: u32, number: u32) -> vec4u {
  return philox(vec4u(number, operation, key.sample, key.epoch), vec2u(key.seed, 0u));
}

struct Pose {
  to_source: mat3x3f, // from an augmented voxel to the voxel it shows, both counted from the volume's centre
  swapped: bool,      // axis 0 is mirrored: left is right
}

// Word i of the block decides about axis i. A flip comes first, then the rotations about axis 0, 1 and 2 in this order, by angles
// uniform in ±rotation_turns; a positive angle takes the next axis towards the one after it (cyclically). The way back is the
// transposes in reverse. Without rotation the matrix is exactly diagonal with ±1.
fn sample_pose(key: SampleKey, flip_axes: u32, flip_probability: f32, rotation_turns: f32) -> Pose {
  let flips = draw(key, OP_FLIP, 0u);
  var sign = vec3f(1.0);
  for (var axis = 0u; axis < 3u; axis++) {
    if (((flip_axes >> axis) & 1u) == 1u && uniform01(flips[axis]) < flip_probability) {
      sign[axis] = -1.0;
    }
  }
  let angles = draw(key, OP_ROTATION, 0u);
  let a = cos_sin_turns((2.0 * uniform01(angles.x) - 1.0) * rotation_turns);
  let b = cos_sin_turns((2.0 * uniform01(angles.y) - 1.0) * rotation_turns);
  let c = cos_sin_turns((2.0 * uniform01(angles.z) - 1.0) * rotation_turns);
  let back_0 = mat3x3f(1.0, 0.0, 0.0, 0.0, a.x, -a.y, 0.0, a.y, a.x);
  let back_1 = mat3x3f(b.x, 0.0, b.y, 0.0, 1.0, 0.0, -b.y, 0.0, b.x);
  let back_2 = mat3x3f(c.x, -c.y, 0.0, c.y, c.x, 0.0, 0.0, 0.0, 1.0);
  let flip = mat3x3f(sign.x, 0.0, 0.0, 0.0, sign.y, 0.0, 0.0, 0.0, sign.z);
  return Pose(flip * back_0 * back_1 * back_2, sign.x < 0.0);
}

// The axes (H, W, D) of a voxel of a volume of `size`, D fastest.
fn voxel_axes(voxel: u32, size: vec3u) -> vec3u {
  let row = voxel / size.z;
  return vec3u(row / size.y, row % size.y, voxel % size.z);
}

// The place, in voxels, that an augmented voxel shows. Exact where the pose is.
fn source_position(pose: Pose, axes: vec3u, size: vec3u) -> vec3f {
  let centre = 0.5 * vec3f(size - vec3u(1u));
  return pose.to_source * (vec3f(axes) - centre) + centre;
}

fn inside(axes: vec3i, size: vec3u) -> bool {
  return all(axes >= vec3i(0)) && all(axes < vec3i(size));
}

fn voxel_index(axes: vec3i, size: vec3u) -> u32 {
  return (u32(axes.x) * size.y + u32(axes.y)) * size.z + u32(axes.z);
}
