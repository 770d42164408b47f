// Loads the gradients of a voxel's cube.
#import lib/activation
#import lib/cube
#import lib/volume

@group(0) @binding(7) var<storage, read> dy: array<Activation>; // (N, dy channels, 2H, 2W, 2D)

// Two neighbours along D in two rows.
fn load_square(at: u32) -> vec4f {
  let below = at + 2u * params.share.volume.z;
  return vec4f(vec4(dy[at], dy[at + 1u], dy[below], dy[below + 1u]));
}

fn load_cube(at: u32) -> Cube {
  return Cube(load_square(at), load_square(at + cube_step()));
}
