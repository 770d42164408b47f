// Stores the first `count` of four values, `step` elements apart. The importing shader defines fn store(at: u32, value: f32).
fn store_four(at: u32, step: u32, count: u32, values: vec4f) {
  #repeat i: 0..4
  if (count > $i) {
    store(at + $i * step, values[$i]);
  }
  #end
}

// Number of indices from `first` that are below `end`.
fn count_left(first: u32, end: u32) -> u32 {
  return max(first, end) - first;
}
