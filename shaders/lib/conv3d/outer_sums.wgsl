// Sums over products of four output by eight input channels: one vector over the outputs per input.
struct OuterSums {
  #repeat i: 0..8
  i$i: vec4f,
  #end
}

fn add_outer(s: OuterSums, outputs: vec4f, low: vec4f, high: vec4f) -> OuterSums {
  return OuterSums(
    #repeat i: 0..4
    fma(outputs, vec4f(low[$i]), s.i$i),
    #end
    fma(outputs, vec4f(high.x), s.i4),
    fma(outputs, vec4f(high.y), s.i5),
    fma(outputs, vec4f(high.z), s.i6),
    fma(outputs, vec4f(high.w), s.i7),
  );
}
