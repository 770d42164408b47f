// First stage of the bias gradient: the sum of every span of a pair's voxels. The partials of a structure are contiguous, sample
// after sample, so that the second stage sums plain rows.
#import lib/span

struct Params {
  spans: Spans,
  samples: u32,
}

@group(0) @binding(0) var<storage, read> d_logits: array<f32>; // (pairs, V)
@group(0) @binding(1) var<storage, read_write> partials: array<f32>; // (S, N, parts)
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  let index = index_of(at);
  if (index >= params.spans.invocations) {
    return;
  }
  let span = span_of(index, params.spans);
  var sum = 0.0;
  for (var v = span.first; v < span.end; v += span.step) {
    sum += d_logits[v];
  }
  let parts = params.spans.cut.w;
  let row = span.channel * params.samples + span.plane / params.spans.channels;
  partials[row * parts + index % parts] = sum;
}
