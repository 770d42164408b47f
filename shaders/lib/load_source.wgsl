// The activation that a kernel reads, normalised on the way where lib/source says so.
#import lib/activation
#import lib/source

struct SourceParams {
  x_base: u32, // elements of the bound window in front of the first channel read
  x_channel: u32, // the first one read
  x_channels: u32, // per sample in x
}

@group(0) @binding(0) var<storage, read> x: array<Activation>; // (N, x channels, H, W, D)

fn load(at: u32, channel: vec4f) -> f32 {
  return from_source(f32(x[at]), channel);
}
