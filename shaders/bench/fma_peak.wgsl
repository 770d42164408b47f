// The most multiply-adds an adapter makes: twelve independent sums in registers, nothing else in the loop.
struct Params {
  factor: f32,
  addend: f32,
  rounds: u32, // of 16 · 12 multiply-adds
  invocations: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

#import lib/grid

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = linear_index(group, groups, local, 64u);
  if (index >= params.invocations) {
    return;
  }
  let a = vec4f(params.factor);
  let b = vec4f(params.addend);
  var x = vec4f(f32(local), 1.0, 2.0, 3.0);
  var y = x + 4.0;
  var z = x + 8.0;
  for (var round = 0u; round < params.rounds; round++) {
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
    x = fma(x, a, b); y = fma(y, a, b); z = fma(z, a, b);
  }
  let sum = x + y + z;
  sums[index] = sum.x + sum.y + sum.z + sum.w;
}
