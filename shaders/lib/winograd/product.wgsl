// Shared by both Winograd products: for each frequency M = U V over input channels, in blocks of 64 tiles by sixteen outputs. An
// invocation computes four tiles, sixteen apart; neighbouring invocations compute neighbouring tiles.
struct Params {
  inputs: u32,
  output_blocks: u32, // of sixteen
  v_stride: u32, // elements between two frequencies
  m_stride: u32,
}

@group(0) @binding(0) var<storage, read> v: array<f32>; // (frequencies, blocks, I, 64)
@group(0) @binding(1) var<storage, read_write> m: array<f32>; // (frequencies, blocks, O, 64)
@group(0) @binding(2) var<uniform> params: Params;

// The first input of a workgroup's tiles, its first weight and its first result.
struct Place {
  v: u32,
  u: u32,
  m: u32,
}

// `first` is the first block of outputs of workgroup (outputs, block of tiles, frequency).
fn place_of(id: vec3u, local: u32, first: u32) -> Place {
  return Place(
    id.z * params.v_stride + id.y * params.inputs * 64u + local,
    (id.z * params.output_blocks + first) * params.inputs * 16u,
    id.z * params.m_stride + (id.y * params.output_blocks + first) * 1024u + local,
  );
}

fn load(at: u32) -> vec4f {
  return vec4f(v[at], v[at + 16u], v[at + 32u], v[at + 48u]);
}

fn store_tiles(at: u32, tiles: vec4f) {
  #repeat i: 0..4
  m[at + 16 * $i] = tiles[$i];
  #end
}
