// How a pass over planes (a plane is one channel of one sample) is cut into invocations without barriers: a plane into tiles of
// lanes · run voxels, a tile into `lanes` interleaved spans of at most `run` voxels, so that neighbouring invocations read
// neighbouring voxels. A cut is (voxels, lanes, run, parts): parts = spans of a plane.
struct Span {
  plane: u32,
  first: u32, // voxel
  end: u32, // voxel; the span is first, first + lanes, ... below end
}

fn span_of(index: u32, cut: vec4u) -> Span {
  let plane = index / cut.w;
  let part = index - plane * cut.w;
  let tile = part / cut.y;
  let start = tile * cut.y * cut.z;
  return Span(plane, start + part - tile * cut.y, min(start + cut.y * cut.z, cut.x));
}

// Voxels of a span; 0 for the lanes that a plane's last tile leaves idle.
fn span_count(span: Span, cut: vec4u) -> u32 {
  return select(0u, (span.end + cut.y - 1u - span.first) / cut.y, span.first < span.end);
}
