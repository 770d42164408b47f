// Flip, rotation and elastic deformation (nearest, outside = 0) of masks, and the exchange of left and right in masks and presence,
// for up to four structures at once. An invocation finds the sources of 32 voxels and computes the mask word of each structure.
#import lib/grid
#import lib/volume
#import lib/augment/pose
#import lib/augment/displacement

struct Params {
  size: vec3u, // (H, W, D) voxels
  words: u32, // of one mask: voxels / 32
  partners: vec4u, // the mirror partner of each structure of this dispatch; the last one repeated
  first_structure: u32,
  together: u32, // structures of this dispatch, 1 to 4
  structures: u32, // S
  samples: u32, // of the slice
  first_sample: u32,
  @align(16) range: PoseRange,
}

@group(0) @binding(0) var<storage, read> masks: array<u32>; // (n, S, V/32)
@group(0) @binding(1) var<storage, read> presence: array<f32>; // (N, S)
@group(0) @binding(2) var<storage, read_write> augmented_masks: array<u32>; // (n, S, V/32)
@group(0) @binding(3) var<storage, read_write> augmented_presence: array<f32>; // (N, S)
@group(0) @binding(4) var<uniform> params: Params;

// Bit `voxel` of the masks of four structures.
fn mask_bits(bases: vec4u, voxel: u32) -> vec4u {
  let word = bases + vec4u(voxel / 32u);
  let four = vec4u(masks[word.x], masks[word.y], masks[word.z], masks[word.w]);
  return (four >> vec4u(voxel % 32u)) & vec4u(1u);
}

// The mask words of the dispatch's structures, under construction.
struct Words {
  n: u32, // sample of the slice
  word: u32,
  pose: Pose,
  sources: vec4u, // source structures of the four
  made: vec4u,
}

fn begin(index: u32) -> Words {
  let n = index / params.words;
  let pose = sample_pose(key_of(params.first_sample + n), params.range);
  let own = min(vec4u(0u, 1u, 2u, 3u), vec4u(params.together - 1u)) + vec4u(params.first_structure);
  return Words(n, index % params.words, pose, select(own, params.partners, pose.swapped), vec4u(0u));
}

// Sets bit j of the words, whose voxel is displaced by `aside`.
fn look_up(words: ptr<function, Words>, j: u32, aside: vec3f) {
  let place = vec3f(voxel_axes((*words).word * 32u + j, params.size)) + aside;
  let nearest = vec3i(floor(source_position((*words).pose, place, params.size) + 0.5));
  if (inside(nearest, params.size)) {
    let bases = (vec4u((*words).n * params.structures) + (*words).sources) * params.words;
    (*words).made |= mask_bits(bases, voxel_index(nearest, params.size)) << vec4u(j);
  }
}

fn store(words: Words) {
  let sample = params.first_sample + words.n;
  for (var s = 0u; s < params.together; s++) {
    let structure = params.first_structure + s;
    augmented_masks[(words.n * params.structures + structure) * params.words + words.word] = words.made[s];
    if (words.word == 0u) {
      augmented_presence[sample * params.structures + structure] = presence[sample * params.structures + words.sources[s]];
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  if (index >= params.samples * params.words) {
    return;
  }
  var words = begin(index);
  for (var j = 0u; j < 32u; j++) {
    look_up(&words, j, vec3f());
  }
  store(words);
}

@compute @workgroup_size(WORKGROUP)
fn elastic(at: Invocation) {
  let index = index_of(at);
  if (index >= params.samples * params.words) {
    return;
  }
  var words = begin(index);
  let voxels = params.words * 32u;
  for (var j = 0u; j < 32u; j++) {
    look_up(&words, j, displacement_of(words.n, words.word * 32u + j, voxels));
  }
  store(words);
}
