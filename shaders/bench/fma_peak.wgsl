// Peak multiply-add rate: twelve independent sums in registers, nothing else in the loop.
#import lib/grid

struct Params {
  factor: f32,
  addend: f32,
  rounds: u32, // of 16 · 12 multiply-adds
  invocations: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

alias Sums = array<vec4f, 3>;

fn once(x: Sums) -> Sums {
  let a = vec4f(params.factor);
  let b = vec4f(params.addend);
  return Sums(fma(x[0], a, b), fma(x[1], a, b), fma(x[2], a, b));
}

// Unrolled: loop overhead would distort the measurement.
fn four_times(x: Sums) -> Sums {
  return once(once(once(once(x))));
}

fn peak(start: f32) -> f32 {
  let first = vec4f(start, 1.0, 2.0, 3.0);
  var x = Sums(first, first + 4.0, first + 8.0);
  for (var round = 0u; round < params.rounds; round++) {
    x = four_times(four_times(four_times(four_times(x))));
  }
  let sum = x[0] + x[1] + x[2];
  return sum.x + sum.y + sum.z + sum.w;
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  if (index < params.invocations) {
    sums[index] = peak(f32(at.local));
  }
}
