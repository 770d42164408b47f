// The activation that a kernel reads, normalised on the way where lib/source says so.
#import lib/activation
#import lib/source

@group(0) @binding(0) var<storage, read> x: array<Activation>; // (N, x channels, H, W, D)

fn load(at: u32, channel: vec4f) -> f32 {
  return from_source(f32(x[at]), channel);
}
