// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3",
// SC 2011), the same bits as src/util/random.ts. A number depends only on its address:
// counter (block, operation, sample index, epoch), key (seed, 0).

// The operations, as in src/util/random.ts; a test compares them.
const OP_FLIP: u32 = 1u;
const OP_ROTATION: u32 = 2u;
const OP_NOISE: u32 = 3u;
const OP_SCALE: u32 = 4u;
const OP_DROPOUT: u32 = 5u;
const OP_SHUFFLE: u32 = 6u;
const OP_INITIALISE: u32 = 7u;
const OP_GENERATE: u32 = 8u;
const OP_SPLIT: u32 = 9u;
const OP_ELASTIC: u32 = 10u;
const OP_BLUR: u32 = 11u;
const OP_LOW_RESOLUTION: u32 = 12u;
const OP_BIAS_FIELD: u32 = 13u;
const OP_GAMMA: u32 = 14u;
const OP_BOOTSTRAP: u32 = 15u;
const OP_PATCH: u32 = 16u;

const PHILOX_ROUNDS: u32 = 10u;
const PHILOX_MULTIPLIER: vec2u = vec2u(0xd2511f53u, 0xcd9e8d57u);
const PHILOX_WEYL: vec2u = vec2u(0x9e3779b9u, 0xbb67ae85u);

// The upper 32 bits of the 64-bit products. Every sum below stays under 2^32.
fn philox_high(a: vec2u, b: vec2u) -> vec2u {
  let a_low = a & vec2u(0xffffu);
  let a_high = a >> vec2u(16u);
  let b_low = b & vec2u(0xffffu);
  let b_high = b >> vec2u(16u);
  let first = a_high * b_low + ((a_low * b_low) >> vec2u(16u));
  let second = a_low * b_high + (first & vec2u(0xffffu));
  return a_high * b_high + (first >> vec2u(16u)) + (second >> vec2u(16u));
}

fn philox(counter: vec4u, key: vec2u) -> vec4u {
  var c = counter;
  var k = key;
  for (var i = 0u; i < PHILOX_ROUNDS; i++) {
    let high = philox_high(PHILOX_MULTIPLIER, c.xz);
    let low = PHILOX_MULTIPLIER * c.xz;
    c = vec4u(high.y ^ c.y ^ k.x, low.y, high.x ^ c.w ^ k.y, low.x);
    k += PHILOX_WEYL;
  }
  return c;
}

// A multiple of 2^-24 in [0, 1), exact.
fn uniform01(bits: u32) -> f32 {
  return f32(bits >> 8u) * 0x1p-24;
}

// (cos, sin) of an angle in turns, to about 1e-7 (WGSL's own may be off by 2^-11); exactly (1, 0) at 0. The angle is reduced
// exactly to within an eighth of a turn of a multiple of a quarter, where these Taylor terms suffice for float32.
fn cos_sin_turns(turns: f32) -> vec2f {
  let quarter = round(turns * 4.0);
  let x = (turns - quarter * 0.25) * 6.283185307179586;
  let xx = x * x;
  let c = 1.0 + xx * (-1.0 / 2.0 + xx * (1.0 / 24.0 + xx * (-1.0 / 720.0 + xx * (1.0 / 40320.0))));
  let s = x * (1.0 + xx * (-1.0 / 6.0 + xx * (1.0 / 120.0 + xx * (-1.0 / 5040.0 + xx * (1.0 / 362880.0)))));
  let turned = select(vec2f(c, s), vec2f(-s, c), (i32(quarter) & 1) != 0);
  return select(turned, -turned, (i32(quarter) & 2) != 0);
}

// Two independent N(0, 1) from two words (Box-Muller). The radius uses (0, 1], so it is always finite; the largest magnitude is
// about 5.77. log may round above 0 at 1, hence the max.
fn normal2(bits: vec2u) -> vec2f {
  let radius = sqrt(max(0.0, -2.0 * log(uniform01(bits.x) + 0x1p-24)));
  return radius * cos_sin_turns(uniform01(bits.y));
}
