#import lib/source

// lib/source for a shader that reads two inputs as their concatenation: one of them may lie in front of a batch norm.
override OTHER_IS_SOURCE: bool = false;

fn from_first(value: f32, channel: u32) -> f32 {
  if (OTHER_IS_SOURCE) {
    return value;
  }
  return from_source(value, source_channel(channel));
}

fn from_other(value: f32, channel: u32) -> f32 {
  if (!OTHER_IS_SOURCE) {
    return value;
  }
  return from_source(value, source_channel(channel));
}
