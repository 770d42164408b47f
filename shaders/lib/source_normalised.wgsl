#import lib/batch_norm

// lib/source where the batch norm of the activation is left to its readers. What lies outside the volume is zero after it, not before:
// pad what `from_source` returns.
override SOURCE_RELU: bool;

@group(0) @binding(15) var<storage, read> source_coefficients: array<vec4f>; // (C) as lib/batch_norm makes them

fn source_channel(channel: u32) -> vec4f {
  return source_coefficients[channel];
}

fn from_source(value: f32, channel: vec4f) -> f32 {
  let result = affine(value, channel);
  return select(result, max(result, 0.0), SOURCE_RELU);
}
