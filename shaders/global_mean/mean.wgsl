#import lib/channel_sum

// Second stage of the mean over voxels. Each plane counts as a channel of one sample.
alias Partial = f32;

@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (N, C)

fn finish(plane: u32, total: f32) {
  y[plane] = total / f32(params.spans.cut.x);
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Workgroup, @builtin(local_invocation_index) local: u32) {
  reduce_channel(at, local);
}
