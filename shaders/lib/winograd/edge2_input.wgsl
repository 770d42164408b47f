// The transforms of conv3d/winograd_input for tiles of 2x2x2 outputs.
#import lib/winograd/edge2

// Four voxels along D, zero-padded. Coordinates start at the border, one before the first voxel.
fn load_line(base: u32, h: u32, w: u32, d: u32) -> vec4f {
  if (h - 1u >= params.grid.height || w - 1u >= params.grid.width) {
    return vec4f();
  }
  let at = base + ((h - 1u) * params.grid.width + w - 1u) * params.grid.depth + d;
  return vec4f(
    select(0.0, load_voxel(max(at, 1u) - 1u), d > 0u),
    select(0.0, load_voxel(at), d < params.grid.depth),
    select(0.0, load_voxel(at + 1u), d + 1u < params.grid.depth),
    select(0.0, load_voxel(at + 2u), d + 2u < params.grid.depth),
  );
}

fn transform_line(a: vec4f) -> vec4f {
  return vec4f(a.x - a.z, a.y + a.z, a.z - a.y, a.y - a.w);
}

// One (W, D) plane of a patch, transformed along both axes.
fn load_plane(base: u32, h: u32, w: u32, d: u32) -> mat4x4f {
  let a = transform_line(load_line(base, h, w, d));
  let b = transform_line(load_line(base, h, w + 1u, d));
  let c = transform_line(load_line(base, h, w + 2u, d));
  let e = transform_line(load_line(base, h, w + 3u, d));
  return mat4x4f(a - c, b + c, c - b, b - e);
}

fn transform_patch(p: Place) {
  #repeat h: 0..4
  let plane$h = load_plane(p.at, p.h + $h, p.w, p.d);
  #end
  let step = params.grid.frequency_stride;
  store_plane(p.to, step, plane0 - plane2);
  store_plane(p.to + 16u * step, step, plane1 + plane2);
  store_plane(p.to + 32u * step, step, plane2 - plane1);
  store_plane(p.to + 48u * step, step, plane1 - plane3);
}

// Two gradients along D, spread to four frequencies.
fn spread_line(base: u32, h: u32, w: u32, d: u32) -> vec4f {
  if (h >= params.grid.height || w >= params.grid.width) {
    return vec4f();
  }
  let at = base + (h * params.grid.width + w) * params.grid.depth + d;
  let a = load_voxel(at);
  let b = select(0.0, load_voxel(at + 1u), d + 1u < params.grid.depth);
  return vec4f(a, a + b, a - b, -b);
}

fn spread_plane(base: u32, h: u32, w: u32, d: u32) -> mat4x4f {
  let a = spread_line(base, h, w, d);
  let b = spread_line(base, h, w + 1u, d);
  return mat4x4f(a, a + b, a - b, -b);
}

fn spread_tile(p: Place) {
  let a = spread_plane(p.at, p.h, p.w, p.d);
  let b = spread_plane(p.at, p.h + 1u, p.w, p.d);
  let step = params.grid.frequency_stride;
  store_plane(p.to, step, a);
  store_plane(p.to + 16u * step, step, a + b);
  store_plane(p.to + 32u * step, step, a - b);
  store_plane(p.to + 48u * step, step, -1.0 * b);
}
