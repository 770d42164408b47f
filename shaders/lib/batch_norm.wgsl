const EPSILON: f32 = 1e-5;

// What normalises a channel: its mean, 1 / deviation, weight / deviation, bias. The variance is the one to divide by.
fn coefficients_of(mean: f32, variance: f32, weight: f32, bias: f32) -> vec4f {
  let scale = inverseSqrt(variance + EPSILON);
  return vec4f(mean, scale, weight * scale, bias);
}

// x̂, of mean 0 and variance 1.
fn standardised(value: f32, c: vec4f) -> f32 {
  return (value - c.x) * c.y;
}

// The output in front of a ReLU. Forward, backward and every reader of a batch norm that was left to it call this one function, so
// that all see a ReLU's input on the same side of zero.
fn affine(value: f32, c: vec4f) -> f32 {
  return fma(value - c.x, c.z, c.w);
}
