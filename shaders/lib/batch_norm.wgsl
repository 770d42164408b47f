// 1 / standard deviation. `correction` turns the stored variance into the one to normalise with: (n − 1) / n where the unbiased
// variance of the batch is stored and the biased one is meant, 1 for running statistics.
fn inverse_deviation(variance: f32, correction: f32, epsilon: f32) -> f32 {
  return inverseSqrt(variance * correction + epsilon);
}

// Forward and backward call the same function, so that both see a ReLU's input on the same side of zero.
fn affine(standardised: f32, weight: f32, bias: f32) -> f32 {
  return fma(standardised, weight, bias);
}
