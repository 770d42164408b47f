// Gradients of A = sigmoid(a) * sigmoid(P): d(a) = d(A) A sigmoid(-a), d(P) = sum over samples of d(A) A sigmoid(-P).
#import lib/grid
#import lib/math

struct Params {
  elements: u32,
  samples: u32,
}

override ACCUMULATE: bool = false;

@group(0) @binding(0) var<storage, read> d_attention: array<f32>; // (N, S, V)
@group(0) @binding(1) var<storage, read> attention: array<f32>; // (N, S, V)
@group(0) @binding(2) var<storage, read> factor: array<f32>; // a (N, S, V) or P (S, V)
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>; // of the factor
@group(0) @binding(4) var<uniform> params: Params;

// `elements` are the factor's; `samples` is 1 for a, whose samples are elements of their own.
fn summed(i: u32) -> f32 {
  var sum = 0.0;
  for (var n = 0u; n < params.samples; n++) {
    let at = n * params.elements + i;
    sum += d_attention[at] * attention[at];
  }
  return sum;
}

fn add(i: u32, value: f32) {
  if (ACCUMULATE) {
    gradient[i] += value;
  } else {
    gradient[i] = value;
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let stride = groups.x * groups.y * 64u;
  for (var i = linear_index(group, groups, local, 64u); i < params.elements; i += stride) {
    add(i, summed(i) * sigmoid(-factor[i]));
  }
}
