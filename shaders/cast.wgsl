// Converts between f32 and the storage type of activations.
#import lib/span
#import lib/activation

override ACCUMULATE: bool = false;

@group(0) @binding(0) var<uniform> params: Spans; // the elements as one plane
@group(0) @binding(1) var<storage, read> wide: array<f32>;
@group(0) @binding(2) var<storage, read_write> narrowed: array<Activation>;

@compute @workgroup_size(WORKGROUP)
fn narrow(at: Invocation) {
  let span = span_at(at, params);
  for (var i = span.first; i < span.end; i += span.step) {
    narrowed[i] = Activation(select(0.0, f32(narrowed[i]), ACCUMULATE) + wide[i]);
  }
}

@group(0) @binding(3) var<storage, read> short: array<Activation>;
@group(0) @binding(4) var<storage, read_write> widened: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn widen(at: Invocation) {
  let span = span_at(at, params);
  for (var i = span.first; i < span.end; i += span.step) {
    widened[i] = select(0.0, widened[i], ACCUMULATE) + f32(short[i]);
  }
}
