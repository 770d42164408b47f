#import lib/grid

// Cuts a pass over planes (a plane is one channel of one sample) into invocations without barriers: a plane into tiles of
// lanes · run voxels, a tile into `lanes` interleaved spans of at most `run` voxels. Neighbouring invocations read neighbouring
// voxels.
struct Spans {
  cut: vec4u, // voxels of a plane, lanes, run, parts: spans of a plane
  invocations: u32, // spans of this slice
  part: u32, // the slice's first span, counted over all slices
  plane: u32, // the slice's first plane, sample · channels + channel
  channels: u32,
}

struct Span {
  plane: u32,
  channel: u32,
  first: u32, // element of the slice
  end: u32, // element; the span is first, first + step, ... below end
  step: u32,
}

fn span_of(index: u32, spans: Spans) -> Span {
  let cut = spans.cut;
  let local_plane = index / cut.w;
  let plane = spans.plane + local_plane;
  let part = index - local_plane * cut.w;
  let tile = part / cut.y;
  let start = tile * cut.y * cut.z;
  let base = local_plane * cut.x;
  let first = base + start + part - tile * cut.y;
  return Span(plane, plane % spans.channels, first, base + min(start + cut.y * cut.z, cut.x), cut.y);
}

// The span of an invocation; empty beyond the last.
fn span_at(at: Invocation, spans: Spans) -> Span {
  let index = index_of(at);
  var span = span_of(index, spans);
  span.end = select(0u, span.end, index < spans.invocations);
  return span;
}

// Voxels of a span; 0 for idle lanes of a plane's last tile.
fn span_count(span: Span) -> u32 {
  return select(0u, (span.end + span.step - 1u - span.first) / span.step, span.first < span.end);
}
