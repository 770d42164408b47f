// Rotation and flip of a sample, from its key only, so that the image and label kernels agree.
#import lib/random
#import lib/augment/sample
#import lib/volume

struct Pose {
  to_source: mat3x3f, // from an augmented voxel to its source, both relative to the volume's centre
  swapped: bool,      // axis 0 is flipped: left and right are exchanged
}

// The range of poses.
struct PoseRange {
  flip_axes: u32, // bit i: axis i may flip
  flip_probability: f32,
  rotation_turns: f32,
}

// Word i of the block decides about axis i. A flip comes first, then the rotations about axis 0, 1 and 2 in this order, by angles
// uniform in ±rotation_turns; a positive angle turns the next axis towards the one after it (cyclically). The inverse is the
// product of the transposes in reverse. Without rotation the matrix is exactly diagonal with ±1.
fn sample_pose(key: SampleKey, range: PoseRange) -> Pose {
  let flips = draw(key, OP_FLIP, 0u);
  var sign = vec3f(1.0);
  for (var axis = 0u; axis < 3u; axis++) {
    if (((range.flip_axes >> axis) & 1u) == 1u && uniform01(flips[axis]) < range.flip_probability) {
      sign[axis] = -1.0;
    }
  }
  let angles = draw(key, OP_ROTATION, 0u);
  let a = cos_sin_turns((2.0 * uniform01(angles.x) - 1.0) * range.rotation_turns);
  let b = cos_sin_turns((2.0 * uniform01(angles.y) - 1.0) * range.rotation_turns);
  let c = cos_sin_turns((2.0 * uniform01(angles.z) - 1.0) * range.rotation_turns);
  let back_0 = mat3x3f(1.0, 0.0, 0.0, 0.0, a.x, -a.y, 0.0, a.y, a.x);
  let back_1 = mat3x3f(b.x, 0.0, b.y, 0.0, 1.0, 0.0, -b.y, 0.0, b.x);
  let back_2 = mat3x3f(c.x, -c.y, 0.0, c.y, c.x, 0.0, 0.0, 0.0, 1.0);
  let flip = mat3x3f(sign.x, 0.0, 0.0, 0.0, sign.y, 0.0, 0.0, 0.0, sign.z);
  return Pose(flip * back_0 * back_1 * back_2, sign.x < 0.0);
}

// The source position, in voxels, of a position in the augmented volume. Exact if the pose is.
fn source_position(pose: Pose, place: vec3f, size: vec3u) -> vec3f {
  let centre = 0.5 * vec3f(size - vec3u(1u));
  return pose.to_source * (place - centre) + centre;
}
