// Loads the activation that a kernel reads, normalised if lib/source requires it.
#import lib/activation
#import lib/source

struct SourceParams {
  x_base: u32, // first channel read, in elements of the bound window
  x_channel: u32, // first channel read
  x_channels: u32, // per sample in x
}

@group(0) @binding(0) var<storage, read> x: array<Activation>; // (N, x channels, H, W, D)

fn load(at: u32, channel: vec4f) -> f32 {
  return from_source(f32(x[at]), channel);
}
