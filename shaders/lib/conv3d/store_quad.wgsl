#import lib/conv3d/output_quad
#import lib/conv3d/store_four

// `steps` are the strides of positions and channels in elements, `left` the numbers of them to store.
fn store_quad(at: u32, steps: vec2u, left: vec2u, quad: OutputQuad) {
  #repeat o: 0..4
  if (left.y > $o) {
    store_four(at + $o * steps.y, steps.x, left.x, quad.o$o);
  }
  #end
}
