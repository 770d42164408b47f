#import lib/grid
#import lib/volume

// A pass over volumes with four neighbours along D per invocation.
struct Quads {
  size: vec3u, // (H, W, D) voxels, D a multiple of 4
  quads: u32, // invocations: samples · channels · voxels / 4 of the slice
  channels: u32, // of the slice
  first_sample: u32,
  first_channel: u32,
}

// Four voxels; the fields refer to the first.
struct Quad {
  first: u32, // element of the slice
  base: u32, // element: its volume's first voxel
  axes: vec3u, // in its volume
  n: u32, // sample of the slice
  sample: u32, // of the batch
  channel: u32,
  element: u32, // of the sample (C, H, W, D)
}

fn quad_of(index: u32, work: Quads) -> Quad {
  let first = 4u * index;
  let voxels = work.size.x * work.size.y * work.size.z;
  let volume = first / voxels;
  let voxel = first - volume * voxels;
  let n = volume / work.channels;
  let channel = work.first_channel + volume - n * work.channels;
  let axes = voxel_axes(voxel, work.size);
  return Quad(first, volume * voxels, axes, n, work.first_sample + n, channel, channel * voxels + voxel);
}
