// Adam (decay in the gradient) or AdamW (decoupled decay), element by element, in the order of torch.optim.
#import lib/grid

struct Params {
  elements: u32,
  beta1_complement: f32, // 1 - beta1, as the host rounds it
  beta2: f32,
  beta2_complement: f32,
  epsilon: f32,
  gradient_decay: f32,
}

@group(0) @binding(0) var<storage, read> step: array<f32>; // as optim/adam_advance orders it
@group(0) @binding(1) var<storage, read> gradient: array<f32>; // (elements)
@group(0) @binding(2) var<storage, read_write> parameter: array<f32>; // (elements)
@group(0) @binding(3) var<storage, read_write> first_moment: array<f32>; // (elements)
@group(0) @binding(4) var<storage, read_write> second_moment: array<f32>; // (elements)
@group(0) @binding(5) var<uniform> params: Params;

fn update(i: u32) {
  var p = parameter[i];
  let g = fma(params.gradient_decay, p, gradient[i] * step[1]);
  p = fma(-step[2], p, p);
  let m = fma(params.beta1_complement, g - first_moment[i], first_moment[i]);
  let v = fma(params.beta2_complement * g, g, params.beta2 * second_moment[i]);
  first_moment[i] = m;
  second_moment[i] = v;
  parameter[i] = p - step[3] * (m / fma(sqrt(v), step[4], params.epsilon));
}

@compute @workgroup_size(WORKGROUP)
fn main(at: Invocation) {
  if (step[0] != 1.0) {
    return;
  }
  for (var i = index_of(at); i < params.elements; i += grid_size(at)) {
    update(i);
  }
}
