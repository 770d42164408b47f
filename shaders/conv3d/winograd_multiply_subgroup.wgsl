// Winograd, second of three stages, where a subgroup has sixteen invocations or more: as winograd_multiply.wgsl, but sixteen weights
// come in one load, one to an invocation, and are broadcast from there. On a CPU a broadcast is one instruction and a uniform load
// ten, and more outputs fit an invocation: 4 tiles by 16, 32 or 64 output channels.
enable subgroups;

struct Params {
  inputs: u32,
  output_blocks: u32, // of sixteen
  v_stride: u32, // elements between two frequencies
  m_stride: u32,
}

@group(0) @binding(0) var<storage, read> v: array<f32>; // (frequencies, blocks, I, 64)
@group(0) @binding(1) var<storage, read> u: array<f32>; // (frequencies, O / 16, I, 16)
@group(0) @binding(2) var<storage, read_write> m: array<f32>; // (frequencies, blocks, O, 64)
@group(0) @binding(3) var<uniform> params: Params;

// Sixteen output channels, each a vector over four tiles.
struct Sums {
  o0: vec4f,
  o1: vec4f,
  o2: vec4f,
  o3: vec4f,
  o4: vec4f,
  o5: vec4f,
  o6: vec4f,
  o7: vec4f,
  o8: vec4f,
  o9: vec4f,
  o10: vec4f,
  o11: vec4f,
  o12: vec4f,
  o13: vec4f,
  o14: vec4f,
  o15: vec4f,
}

// `w` is the weight of the output channel that has the invocation's number.
fn add(s: Sums, x: vec4f, w: f32) -> Sums {
  return Sums(
    fma(x, vec4f(subgroupBroadcast(w, 0u)), s.o0),
    fma(x, vec4f(subgroupBroadcast(w, 1u)), s.o1),
    fma(x, vec4f(subgroupBroadcast(w, 2u)), s.o2),
    fma(x, vec4f(subgroupBroadcast(w, 3u)), s.o3),
    fma(x, vec4f(subgroupBroadcast(w, 4u)), s.o4),
    fma(x, vec4f(subgroupBroadcast(w, 5u)), s.o5),
    fma(x, vec4f(subgroupBroadcast(w, 6u)), s.o6),
    fma(x, vec4f(subgroupBroadcast(w, 7u)), s.o7),
    fma(x, vec4f(subgroupBroadcast(w, 8u)), s.o8),
    fma(x, vec4f(subgroupBroadcast(w, 9u)), s.o9),
    fma(x, vec4f(subgroupBroadcast(w, 10u)), s.o10),
    fma(x, vec4f(subgroupBroadcast(w, 11u)), s.o11),
    fma(x, vec4f(subgroupBroadcast(w, 12u)), s.o12),
    fma(x, vec4f(subgroupBroadcast(w, 13u)), s.o13),
    fma(x, vec4f(subgroupBroadcast(w, 14u)), s.o14),
    fma(x, vec4f(subgroupBroadcast(w, 15u)), s.o15),
  );
}

fn store_tiles(at: u32, tiles: vec4f) {
  m[at] = tiles.x;
  m[at + 16u] = tiles.y;
  m[at + 32u] = tiles.z;
  m[at + 48u] = tiles.w;
}

fn store(at: u32, s: Sums) {
  store_tiles(at, s.o0);
  store_tiles(at + 64u, s.o1);
  store_tiles(at + 128u, s.o2);
  store_tiles(at + 192u, s.o3);
  store_tiles(at + 256u, s.o4);
  store_tiles(at + 320u, s.o5);
  store_tiles(at + 384u, s.o6);
  store_tiles(at + 448u, s.o7);
  store_tiles(at + 512u, s.o8);
  store_tiles(at + 576u, s.o9);
  store_tiles(at + 640u, s.o10);
  store_tiles(at + 704u, s.o11);
  store_tiles(at + 768u, s.o12);
  store_tiles(at + 832u, s.o13);
  store_tiles(at + 896u, s.o14);
  store_tiles(at + 960u, s.o15);
}

// The first input of a workgroup's tiles, its first weight and its first result.
struct Place {
  v: u32,
  u: u32,
  m: u32,
}

// Workgroups are (outputs, block of tiles, frequency); `blocks` of sixteen outputs make a workgroup's.
fn place_of(id: vec3u, local: u32, blocks: u32) -> Place {
  let output = id.x * blocks;
  return Place(
    id.z * params.v_stride + id.y * params.inputs * 64u + local,
    (id.z * params.output_blocks + output) * params.inputs * 16u + local,
    id.z * params.m_stride + (id.y * params.output_blocks + output) * 1024u + local,
  );
}

fn load(at: u32) -> vec4f {
  return vec4f(v[at], v[at + 16u], v[at + 32u], v[at + 48u]);
}

@compute @workgroup_size(16)
fn outputs16(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let p = place_of(id, local, 1u);
  var s = Sums();
  // Two inputs a turn: half as many sums go through the stack.
  for (var i = 0u; i + 1u < params.inputs; i += 2u) {
    let x = load(p.v + i * 64u);
    let next = load(p.v + i * 64u + 64u);
    let w = u[p.u + i * 16u];
    let next_w = u[p.u + i * 16u + 16u];
    s = add(add(s, x, w), next, next_w);
  }
  if (params.inputs % 2u == 1u) {
    let last = params.inputs - 1u;
    s = add(s, load(p.v + last * 64u), u[p.u + last * 16u]);
  }
  store(p.m, s);
}

@compute @workgroup_size(16)
fn outputs32(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let p = place_of(id, local, 2u);
  let step = params.inputs * 16u;
  var s0 = Sums();
  var s1 = Sums();
  for (var i = 0u; i < params.inputs; i++) {
    let x = load(p.v + i * 64u);
    let at = p.u + i * 16u;
    s0 = add(s0, x, u[at]);
    s1 = add(s1, x, u[at + step]);
  }
  store(p.m, s0);
  store(p.m + 1024u, s1);
}

@compute @workgroup_size(16)
fn outputs64(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let p = place_of(id, local, 4u);
  let step = params.inputs * 16u;
  var s0 = Sums();
  var s1 = Sums();
  var s2 = Sums();
  var s3 = Sums();
  for (var i = 0u; i < params.inputs; i++) {
    let x = load(p.v + i * 64u);
    let at = p.u + i * 16u;
    s0 = add(s0, x, u[at]);
    s1 = add(s1, x, u[at + step]);
    s2 = add(s2, x, u[at + 2u * step]);
    s3 = add(s3, x, u[at + 3u * step]);
  }
  store(p.m, s0);
  store(p.m + 1024u, s1);
  store(p.m + 2048u, s2);
  store(p.m + 3072u, s3);
}
