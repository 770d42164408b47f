// Winograd, second of three stages: for each frequency a matrix product over input channels, M = U V.
// An invocation computes 4 tiles of 16 output channels, 64 sums; a workgroup one block of 64 tiles. Neighbouring invocations hold
// neighbouring tiles, weights are uniform: per input channel 4 inputs and 4 vec4 of weights feed 64 multiply-adds.

struct Params {
  inputs: u32,
  output_blocks: u32, // of sixteen
  v_stride: u32, // elements between two frequencies
  m_stride: u32,
}

@group(0) @binding(0) var<storage, read> v: array<f32>; // (frequencies, blocks, I, 64)
@group(0) @binding(1) var<storage, read> u: array<vec4f>; // (frequencies, O / 16, I, 16)
@group(0) @binding(2) var<storage, read_write> m: array<f32>; // (frequencies, blocks, O, 64)
@group(0) @binding(3) var<uniform> params: Params;

// Sums of four tiles, one vector per output channel.
struct Sums {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

fn add(sums: Sums, x: vec4f, w: vec4f) -> Sums {
  return Sums(fma(x, vec4f(w.x), sums.a), fma(x, vec4f(w.y), sums.b), fma(x, vec4f(w.z), sums.c), fma(x, vec4f(w.w), sums.d));
}

fn store_tiles(at: u32, tiles: vec4f) {
  m[at] = tiles.x;
  m[at + 16u] = tiles.y;
  m[at + 32u] = tiles.z;
  m[at + 48u] = tiles.w;
}

fn store(at: u32, sums: Sums) {
  store_tiles(at, sums.a);
  store_tiles(at + 64u, sums.b);
  store_tiles(at + 128u, sums.c);
  store_tiles(at + 192u, sums.d);
}

// Workgroups are (block of sixteen outputs, block of tiles, frequency).
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let inputs = params.inputs;
  var at = id.z * params.v_stride + id.y * inputs * 64u + local;
  var w = (id.z * params.output_blocks + id.x) * inputs * 4u;
  var s0 = Sums();
  var s1 = Sums();
  var s2 = Sums();
  var s3 = Sums();
  for (var i = 0u; i < inputs; i++) {
    let x = vec4f(v[at], v[at + 16u], v[at + 32u], v[at + 48u]);
    s0 = add(s0, x, u[w]);
    s1 = add(s1, x, u[w + 1u]);
    s2 = add(s2, x, u[w + 2u]);
    s3 = add(s3, x, u[w + 3u]);
    at += 64u;
    w += 4u;
  }
  let to = id.z * params.m_stride + (id.y * params.output_blocks + id.x) * 1024u + local;
  store(to, s0);
  store(to + 256u, s1);
  store(to + 512u, s2);
  store(to + 768u, s3);
}
