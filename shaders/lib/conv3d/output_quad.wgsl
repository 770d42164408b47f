// Sums of four positions (voxels, tiles), one vector per output channel.
struct OutputQuad {
  #repeat o: 0..4
  o$o: vec4f,
  #end
}

fn add_quad(quad: OutputQuad, values: vec4f, w: vec4f) -> OutputQuad {
  return OutputQuad(
    #repeat o: 0..4
    fma(values, vec4f(w[$o]), quad.o$o),
    #end
  );
}

// Adds a value, such as a bias, to each channel.
fn raise_quad(quad: OutputQuad, by: vec4f) -> OutputQuad {
  return OutputQuad(quad.o0 + by.x, quad.o1 + by.y, quad.o2 + by.z, quad.o3 + by.w);
}
