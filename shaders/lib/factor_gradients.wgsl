#import lib/activation

// Bindings of the gradients of a product of attention A and a function of the response R.
override ACCUMULATE: bool = false;

@group(0) @binding(1) var<storage, read> attention: array<f32>; // A (pairs, V)
@group(0) @binding(2) var<storage, read> response: array<Activation>; // R (pairs, V)
@group(0) @binding(3) var<storage, read_write> d_attention: array<f32>; // (pairs, V)
@group(0) @binding(4) var<storage, read_write> d_response: array<Activation>; // (pairs, V)

fn add_to_attention(i: u32, gradient: f32) {
  d_attention[i] = select(0.0, d_attention[i], ACCUMULATE) + gradient;
}

fn add_to_response(i: u32, gradient: f32) {
  d_response[i] = Activation(select(0.0, f32(d_response[i]), ACCUMULATE) + gradient);
}
