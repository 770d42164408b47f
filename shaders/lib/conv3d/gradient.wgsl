// Stores the sums of a weight's gradient in f32, or accumulates.
#import lib/conv3d/store_four

override ACCUMULATE: bool = false;

@group(0) @binding(8) var<storage, read_write> gradient: array<f32>; // the gradient of a parameter, or partial sums of it

fn store(at: u32, value: f32) {
  if (ACCUMULATE) {
    gradient[at] += value;
  } else {
    gradient[at] = value;
  }
}
