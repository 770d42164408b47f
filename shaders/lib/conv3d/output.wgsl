// Stores the sums of a convolution in an activation, or accumulates.
#import lib/activation
#import lib/conv3d/store_four

override ACCUMULATE: bool = false;

@group(0) @binding(8) var<storage, read_write> y: array<Activation>; // (N, y channels, H, W, D)

fn store(at: u32, value: f32) {
  if (ACCUMULATE) {
    y[at] = Activation(f32(y[at]) + value);
  } else {
    y[at] = Activation(value);
  }
}
