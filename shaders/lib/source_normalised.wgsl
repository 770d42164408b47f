#import lib/batch_norm

// lib/source for an activation whose batch norm is deferred to its readers. Padding is zero after the norm, not before: pad the result
// of `from_source`.
override SOURCE_RELU: bool;

@group(0) @binding(15) var<storage, read> source_coefficients: array<vec4f>; // (C) from lib/batch_norm

fn source_channel(channel: u32) -> vec4f {
  return source_coefficients[channel];
}

fn from_source(value: f32, channel: vec4f) -> f32 {
  let result = affine(value, channel);
  return select(result, max(result, 0.0), SOURCE_RELU);
}
