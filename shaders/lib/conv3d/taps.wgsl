// The unit of the weight gradients of the 3x3x3 convolution: nine taps by four outputs, summed over four voxels along W.

// The inputs of four voxels along W and their neighbours.
struct Row {
  a: f32,
  b: f32,
  c: f32,
  d: f32,
  e: f32,
  f: f32,
}

// The gradients of four voxels along W; each a vector over output channels.
struct Gradients {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

// Sums of the three taps along W.
struct Taps {
  #repeat w: 0..3
  w$w: vec4f,
  #end
}

// Sums of the nine taps of one kd.
struct Plane {
  #repeat h: 0..3
  h$h: Taps,
  #end
}

fn add_voxels(t: Taps, x: Row, g: Gradients) -> Taps {
  return Taps(
    fma(g.d, vec4f(x.d), fma(g.c, vec4f(x.c), fma(g.b, vec4f(x.b), fma(g.a, vec4f(x.a), t.w0)))),
    fma(g.d, vec4f(x.e), fma(g.c, vec4f(x.d), fma(g.b, vec4f(x.c), fma(g.a, vec4f(x.b), t.w1)))),
    fma(g.d, vec4f(x.f), fma(g.c, vec4f(x.e), fma(g.b, vec4f(x.d), fma(g.a, vec4f(x.c), t.w2)))),
  );
}
