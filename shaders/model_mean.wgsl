// Outputs of several models, which run one after another, averaged: adds one to the sum so far and writes the mean.
#import lib/span
#import lib/math

@group(0) @binding(0) var<uniform> params: Spans; // the elements as one plane
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> sum: array<f32>;
@group(0) @binding(3) var<storage, read> earlier: array<u32>; // models in the sum; 0: it holds anything
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// What is left of a probability that rounds to 0 or 1
const LEAST_ODDS: f32 = 1e-30;

fn add(i: u32, value: f32) -> f32 {
  var total = value;
  if (earlier[0] > 0u) {
    total += sum[i];
  }
  sum[i] = total;
  return total;
}

// ln(m / (1 - m)) for the mean m = total / count. 2 total - count is exact where m is near 0.5, so the sign is that of m - 0.5.
fn log_odds(total: f32, count: f32) -> f32 {
  if (!is_finite(total)) {
    return total;
  }
  let excess = 2.0 * total - count;
  let rest = max(min(total, count - total), LEAST_ODDS);
  let size = log1p(abs(excess) / rest);
  return select(size, -size, excess < 0.0);
}

@compute @workgroup_size(WORKGROUP)
fn mean(at: Invocation) {
  let count = f32(earlier[0] + 1u);
  let span = span_at(at, params);
  for (var i = span.first; i < span.end; i += span.step) {
    y[i] = add(i, x[i]) / count;
  }
}

@compute @workgroup_size(WORKGROUP)
fn mean_logits(at: Invocation) {
  let count = f32(earlier[0] + 1u);
  let span = span_at(at, params);
  for (var i = span.first; i < span.end; i += span.step) {
    let z = x[i];
    var p = z;
    if (is_finite(z)) {
      p = sigmoid(z);
    }
    y[i] = log_odds(add(i, p), count);
  }
}
