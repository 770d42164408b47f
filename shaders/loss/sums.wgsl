// First stage of the loss: eight sums over every span of a pair's voxels. The lanes are a multiple of 32, so that an invocation reads
// a single bit position of the mask words.
#import lib/span
#import lib/cross_entropy

@group(0) @binding(0) var<storage, read> logits: array<f32>; // (pairs, V)
@group(0) @binding(1) var<storage, read> attention: array<f32>; // (pairs, V)
@group(0) @binding(2) var<storage, read> mask: array<u32>; // (pairs, V / 32)
@group(0) @binding(3) var<storage, read_write> partials: array<f32>; // (N * S, 8, parts)
@group(0) @binding(4) var<uniform> params: Spans;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  if (index >= params.invocations) {
    return;
  }
  let span = span_of(index, params);
  var cross_entropy = 0.0;
  var overlap = 0.0; // p m
  var probability = 0.0; // p
  var inside_count = 0.0; // m
  var focal_sum = 0.0;
  var attention_sum = 0.0; // cross-entropy of A against m
  var hard_overlap = 0.0; // p > 0.5 and m
  var hard_count = 0.0; // p > 0.5
  for (var v = span.first; v < span.end; v += span.step) {
    let z = logits[v];
    let inside = ((mask[v >> 5u] >> (v & 31u)) & 1u) == 1u;
    let m = select(0.0, 1.0, inside);
    let voxel = voxel_of(z, inside);
    let hard = select(0.0, 1.0, z > 0.0);
    cross_entropy += voxel.cross_entropy;
    overlap += voxel.p * m;
    probability += voxel.p;
    inside_count += m;
    focal_sum += focal(voxel);
    attention_sum += probability_cross_entropy(attention[v], inside);
    hard_overlap += hard * m;
    hard_count += hard;
  }
  let parts = params.cut.w;
  let first = span.plane * 8u * parts + index % parts;
  partials[first] = cross_entropy;
  partials[first + parts] = overlap;
  partials[first + 2u * parts] = probability;
  partials[first + 3u * parts] = inside_count;
  partials[first + 4u * parts] = focal_sum;
  partials[first + 5u * parts] = attention_sum;
  partials[first + 6u * parts] = hard_overlap;
  partials[first + 7u * parts] = hard_count;
}
