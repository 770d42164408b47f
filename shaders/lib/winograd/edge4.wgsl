// Shared by the transforms of 4x4x4 tiles into frequencies. The matrices are in lib/winograd/edge4_constants.
#import lib/winograd/edge4_constants

// Six voxels or frequencies along one axis; of vectors, at several positions along H.
#repeat T: f32 vec3f vec4f
struct Six_$T {
  #repeat i: 0..6
  e$i: $T,
  #end
}
#end

// Stores six frequencies, `step` elements apart. The importing shader defines fn store(at: u32, value: f32).
fn store_six(at: u32, step: u32, x: Six_f32) {
  #repeat i: 0..6
  store(at + $i * step, x.e$i);
  #end
}
