// Elementary functions to about 1e-6 relative over all of f32. WGSL's own do not promise that: its log is 2^-21 absolute near 1, its
// exp loses 2|x| units in the last place. Finite arguments give finite results (overflow saturates at the largest f32; within a few
// smallest normal f32 of zero the error is absolute); NaN and +infinity pass through, so that a non-finite loss stays visible.

const LARGEST_F32: f32 = 3.4028234e38;
const LN2: f32 = 0.69314718;
// ln 2 in two parts; the first has so few bits that its product with a whole exponent is exact (Cody and Waite).
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.1219444e-4;

// WGSL compilers may assume that NaN does not occur, so `x == x` is no test: check the exponent bits.
fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

// 2^k for -126 <= k <= 127
fn power_of_two(k: i32) -> f32 {
  return bitcast<f32>(u32(k + 127) << 23u);
}

// e^r - 1 for |r| <= 0.35 by its Taylor series
fn expm1_near_zero(r: f32) -> f32 {
  let tail = fma(r, fma(r, fma(r, fma(r, fma(r, 1.0 / 40320.0, 1.0 / 5040.0), 1.0 / 720.0), 1.0 / 120.0), 1.0 / 24.0), 1.0 / 6.0);
  return fma(r * r, fma(r, tail, 0.5), r);
}

// The integer k for which |x - k ln 2| is at most about 0.35
fn nearest_exponent(x: f32) -> i32 {
  return i32(floor(fma(x, 1.0 / LN2, 0.5)));
}

// x - k ln 2. Compilers may turn k a + k b into k (a + b), which would merge the two parts; the separate -k prevents that.
fn exponent_remainder(x: f32, k: i32) -> f32 {
  return fma(f32(-k), LN2_LOW, fma(f32(k), -LN2_HIGH, x));
}

fn expm1(x: f32) -> f32 {
  if (!is_finite(x)) {
    return select(x, -1.0, bitcast<u32>(x) == 0xff800000u);
  }
  if (x > 88.72283) {
    return LARGEST_F32;
  }
  if (x < -18.0) {
    return -1.0;
  }
  let k = nearest_exponent(x);
  let near = expm1_near_zero(exponent_remainder(x, k));
  // Half of the power keeps k = 128 in range; at k = 0 nothing is lost, as 2 * (near / 2 + 0) is exact.
  let half = power_of_two(k - 1);
  return 2.0 * fma(near, half, half - 0.5);
}

fn exp_accurate(x: f32) -> f32 {
  if (!is_finite(x)) {
    return select(x, 0.0, bitcast<u32>(x) == 0xff800000u);
  }
  if (x > 88.72283) {
    return LARGEST_F32;
  }
  if (x < -87.33654) {
    return 0.0;
  }
  let k = nearest_exponent(x);
  let near = expm1_near_zero(exponent_remainder(x, k));
  let half = power_of_two(max(k - 1, -126));
  return select(2.0, 1.0, k < -125) * (half * (1.0 + near));
}

// ln((1 + s) / (1 - s)) = 2 artanh(s) for |s| <= 0.172
fn log_ratio(s: f32) -> f32 {
  let q = s * s;
  let tail = fma(q, fma(q, fma(q, fma(q, 1.0 / 11.0, 1.0 / 9.0), 1.0 / 7.0), 1.0 / 5.0), 1.0 / 3.0);
  return 2.0 * fma(s * q, tail, s);
}

// ln(x); -LARGEST_F32 for x <= 0. Supports subnormal x, even if arithmetic would flush it.
fn log_accurate(x: f32) -> f32 {
  var bits = bitcast<u32>(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) {
    return x;
  }
  if (bits == 0u || bits >= 0x80000000u) {
    return -LARGEST_F32;
  }
  var exponent = 0;
  if (bits < 0x00800000u) {
    bits = bitcast<u32>(f32(bits));
    exponent = -149;
  }
  // x = 2^exponent * m with sqrt(1/2) <= m < sqrt(2)
  let shifted = bits + (0x3f800000u - 0x3f3504f3u);
  exponent += i32(shifted >> 23u) - 127;
  let m = bitcast<f32>((shifted & 0x007fffffu) + 0x3f3504f3u);
  let k = f32(exponent);
  return fma(k, LN2_HIGH, fma(k, LN2_LOW, log_ratio((m - 1.0) / (m + 1.0))));
}

// ln(1 + x); -LARGEST_F32 for x <= -1
fn log1p(x: f32) -> f32 {
  if (x > -0.29 && x < 0.41) {
    return log_ratio(x / (2.0 + x));
  }
  // Rounding 1 + x costs half a unit in the last place, small compared with |ln(1 + x)| > 0.34.
  return log_accurate(1.0 + x);
}

// ln(1 + e^x)
fn softplus(x: f32) -> f32 {
  return max(x, 0.0) + log1p(exp_accurate(-abs(x)));
}

// 1 / (1 + e^-x); 1 - sigmoid(x) is sigmoid(-x)
fn sigmoid(x: f32) -> f32 {
  let e = exp_accurate(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

// sigmoid(x) sigmoid(-x)
fn sigmoid_derivative(x: f32) -> f32 {
  let e = exp_accurate(-abs(x));
  return e / ((1.0 + e) * (1.0 + e));
}
