// The three layers of a structure's presence classifier, in a block of parameters with a row for each structure.
struct Layers {
  structures: u32,
  features: u32, // F
  hidden: vec2u,
  stride: u32, // elements from one structure's parameters to the next
  weights: vec3u, // offsets of the three layers within a structure
  biases: vec3u,
}
