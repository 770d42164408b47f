// Winograd, second of three stages: for each frequency a matrix product over input channels, M = U V.
// An invocation computes 4 tiles of 16 output channels, 64 sums; a workgroup one block of 64 tiles. Weights are uniform: per input
// channel 4 inputs and 4 vec4 of weights feed 64 multiply-adds.
#import lib/conv3d/output_quad
#import lib/winograd/product

@group(0) @binding(3) var<storage, read> u: array<vec4f>; // (frequencies, O / 16, I, 16)

// Workgroups are (block of sixteen outputs, block of tiles, frequency).
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let p = place_of(id, local, id.x);
  #repeat q: 0..4
  var sums$q = OutputQuad();
  #end
  for (var i = 0u; i < params.inputs; i++) {
    let x = load(p.v + i * 64u);
    let at = p.u / 4u + i * 4u;
    #repeat q: 0..4
    sums$q = add_quad(sums$q, x, u[at + $q]);
    #end
  }
  #repeat q: 0..4
  #repeat o: 0..4
  store_tiles(p.m + ($q * 4 + $o) * 64, sums$q.o$o);
  #end
  #end
}
