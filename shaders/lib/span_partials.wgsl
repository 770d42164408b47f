#import lib/span

// First stage of a reduction over planes: an invocation reduces a span to one partial. The shader defines `Partial` and
// `partial_of(span)`.
@group(0) @binding(0) var<uniform> params: Spans;
@group(0) @binding(1) var<storage, read_write> partials: array<Partial>; // (planes, parts)

fn reduce_span(at: Invocation) {
  let index = index_of(at);
  if (index < params.invocations) {
    partials[params.part + index] = partial_of(span_of(index, params));
  }
}
