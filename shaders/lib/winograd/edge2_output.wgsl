// The transform of conv3d/winograd_output for tiles of 2x2x2 outputs.

// Two voxels along D of one frequency of the other axes.
fn load_line(at: u32, step: u32) -> vec2f {
  let b = m[at + step];
  let c = m[at + 2u * step];
  return vec2f(m[at] + b + c, b - c - m[at + 3u * step]);
}

// A (W, D) square of voxels of one frequency along H: (w0 d0, w0 d1, w1 d0, w1 d1).
fn load_plane(at: u32, step: u32) -> vec4f {
  let b = load_line(at + 4u * step, step);
  let c = load_line(at + 8u * step, step);
  return vec4f(load_line(at, step) + b + c, b - c - load_line(at + 12u * step, step));
}

fn store_square(at: u32, square: vec4f, right: bool, deep: bool) {
  store(at, square.x);
  if (deep) {
    store(at + 1u, square.y);
  }
  if (right) {
    store(at + params.grid.depth, square.z);
  }
  if (right && deep) {
    store(at + params.grid.depth + 1u, square.w);
  }
}

fn transform(p: Place, start: f32) {
  if (!p.valid) {
    return;
  }
  let step = params.grid.frequency_stride;
  let b = load_plane(p.at + 16u * step, step);
  let c = load_plane(p.at + 32u * step, step);
  let top = load_plane(p.at, step) + b + c + start;
  let bottom = b - c - load_plane(p.at + 48u * step, step) + start;
  store_square(p.to, top, p.w + 1u < params.grid.width, p.d + 1u < params.grid.depth);
  if (p.h + 1u < params.grid.height) {
    store_square(p.to + params.grid.width * params.grid.depth, bottom, p.w + 1u < params.grid.width, p.d + 1u < params.grid.depth);
  }
}
