// How a kernel reads an activation that may still lie in front of a batch norm. Here it does not: lib/source_normalised takes this
// library's place where it does.

// What `from_source` needs of a channel of the source; ask once a channel.
fn source_channel(channel: u32) -> vec4f {
  return vec4f();
}

fn from_source(value: f32, channel: vec4f) -> f32 {
  return value;
}
