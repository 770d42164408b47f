// What the 3x3x3 convolutions compute at a time: four voxels along W of four outputs.

// The inputs of four voxels along W, as the three taps along W see them.
struct Row {
  left: vec4f,
  centre: vec4f,
  right: vec4f,
}

// Sums of four voxels along W, one vector per output.
struct Quad {
  o0: vec4f,
  o1: vec4f,
  o2: vec4f,
  o3: vec4f,
}

fn add_quad(quad: Quad, values: vec4f, w: vec4f) -> Quad {
  return Quad(
    fma(values, vec4f(w.x), quad.o0),
    fma(values, vec4f(w.y), quad.o1),
    fma(values, vec4f(w.z), quad.o2),
    fma(values, vec4f(w.w), quad.o3),
  );
}
