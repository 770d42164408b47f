// Winograd F(2, 3):
//
//   Bᵀ = 1  0 −1  0     G = 1    0    0      Aᵀ = 1  1  1  0
//        0  1  1  0         1/2  1/2  1/2         0  1 −1 −1
//        0 −1  1  0         1/2 −1/2  1/2
//        0  1  0 −1         0    0    1

// Stores one (W, D) plane of frequencies, `step` elements apart. The importing shader defines fn store(at: u32, value: f32).
fn store_plane(at: u32, step: u32, plane: mat4x4f) {
  #repeat w: 0..4
  #repeat d: 0..4
  store(at + ($w * 4 + $d) * step, plane[$w][$d]);
  #end
  #end
}
