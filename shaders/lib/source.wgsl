// Loads an activation as stored. If it needs a batch norm on load, the linker replaces this library by lib/source_normalised.

// Input of `from_source` for a channel of the source; compute it once per channel.
fn source_channel(channel: u32) -> vec4f {
  return vec4f();
}

fn from_source(value: f32, channel: vec4f) -> f32 {
  return value;
}
