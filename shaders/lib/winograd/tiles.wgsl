// The tiles of an activation that a transform reads or writes. The importing shader defines EDGE, the edge of a tile in voxels.
struct TileGrid {
  height: u32,
  width: u32,
  depth: u32,
  tiles: u32, // of all samples
  first_tile: u32, // of V or M
  blocks: u32,
  block_tiles: u32,
  frequency_stride: u32, // elements of V or M between two frequencies
}

// What an invocation reads and writes; invalid beyond the last tile.
struct Place {
  valid: bool,
  h: u32, // the tile's first voxel
  w: u32,
  d: u32,
  at: u32,
  to: u32,
}

// Sample and first voxel of a tile.
fn corner_of(tile: u32) -> vec4u {
  let g = params.grid;
  let count = (vec3u(g.height, g.width, g.depth) + EDGE - 1u) / EDGE;
  let n = tile / (count.z * count.y * count.x);
  return vec4u(n, tile / (count.z * count.y) % count.x * EDGE, tile / count.z % count.y * EDGE, tile % count.z * EDGE);
}
