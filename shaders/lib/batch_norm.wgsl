const EPSILON: f32 = 1e-5;

// The coefficients of a channel: mean, 1 / deviation, weight / deviation, bias. `variance` is the one used to normalise.
fn coefficients_of(mean: f32, variance: f32, weight: f32, bias: f32) -> vec4f {
  let scale = inverseSqrt(variance + EPSILON);
  return vec4f(mean, scale, weight * scale, bias);
}

// x̂, of mean 0 and variance 1.
fn standardised(value: f32, c: vec4f) -> f32 {
  return (value - c.x) * c.y;
}

// The output before a ReLU. Forward, backward and all readers of a deferred batch norm call this function, so that they agree on the
// sign of the ReLU's input.
fn affine(value: f32, c: vec4f) -> f32 {
  return fma(value - c.x, c.z, c.w);
}
