// Copies a buffer, as scalars (fastest on a CPU) or as vectors of four (fastest on a GPU).
#import lib/span

@group(0) @binding(0) var<uniform> params: Spans; // the elements as one plane
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn single(at: Invocation) {
  let span = span_at(at, params);
  for (var i = span.first; i < span.end; i += span.step) {
    y[i] = x[i];
  }
}

@group(0) @binding(3) var<storage, read> x4: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y4: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn fours(at: Invocation) {
  let index = index_of(at);
  if (index < params.invocations) {
    y4[index] = x4[index];
  }
}
