// Binary cross-entropies and their derivatives, accurate at extreme arguments.
#import lib/math

// The focal loss weighs both classes by alpha (the document's constant), with gamma = 2.
const FOCAL_ALPHA: f32 = 0.25;

// Loss quantities for one voxel with logit z and mask m.
struct Voxel {
  p: f32, // sigmoid(z)
  cross_entropy: f32, // -ln of the probability given to the truth
  truth: f32, // that probability, pt
  wrong: f32, // 1 - pt
}

fn voxel_of(z: f32, inside: bool) -> Voxel {
  let e = exp_accurate(-abs(z));
  let likely = 1.0 / (1.0 + e);
  let unlikely = e / (1.0 + e);
  let right = (z >= 0.0) == inside;
  var voxel: Voxel;
  voxel.p = select(unlikely, likely, z >= 0.0);
  // Adding |z| * 0 keeps a non-finite logit visible.
  voxel.cross_entropy = log1p(e) + abs(z) * select(1.0, 0.0, right);
  voxel.truth = select(unlikely, likely, right);
  voxel.wrong = select(likely, unlikely, right);
  return voxel;
}

fn focal(voxel: Voxel) -> f32 {
  return FOCAL_ALPHA * voxel.wrong * voxel.wrong * voxel.cross_entropy;
}

// d(focal)/dz: with t = z inside the mask and -z outside,
// d/dt alpha (1 - pt)^2 CE = -alpha (1 - pt)^2 (2 pt CE + 1 - pt), as d(pt)/dt = pt (1 - pt) and d(CE)/dt = -(1 - pt).
fn focal_derivative(voxel: Voxel, inside: bool) -> f32 {
  let d = FOCAL_ALPHA * voxel.wrong * voxel.wrong * fma(2.0 * voxel.truth, voxel.cross_entropy, voxel.wrong);
  return select(d, -d, inside);
}

// Cross-entropy of a probability: -ln(p) where the truth is 1, -ln(1 - p) where it is 0; the logarithm is clamped at -100.
fn probability_cross_entropy(p: f32, truth: bool) -> f32 {
  var logarithm = 0.0;
  if (truth) {
    logarithm = log_accurate(p);
  } else {
    logarithm = log1p(-p);
  }
  if (is_finite(logarithm) && logarithm < -100.0) {
    return 100.0;
  }
  return -logarithm;
}

// Its derivative with respect to p, bounded as in PyTorch, so that it is finite at p = 0 and 1.
fn probability_cross_entropy_derivative(p: f32, truth: bool) -> f32 {
  return (p - select(0.0, 1.0, truth)) / max((1.0 - p) * p, 1e-12);
}
