#import lib/random
#import lib/augment/sample

// Noise, scale and clip: the last steps of an image's augmentation.

struct Finish {
  noise_std: f32, // intensities
  scale_low: f32,
  scale_high: f32,
}

const MAX_INTENSITY: f32 = 255.0;

// For four neighbours along D, which share a block of noise. `element` is the index of the first in the sample (C, H, W, D).
fn finished(values: vec4f, key: SampleKey, element: u32, finish: Finish) -> vec4f {
  let scale = between(finish.scale_low, finish.scale_high, draw(key, OP_SCALE, 0u).x);
  var noisy = values;
  if (finish.noise_std > 0.0) {
    let words = draw(key, OP_NOISE, element / 4u);
    noisy += finish.noise_std * vec4f(normal2(words.xy), normal2(words.zw));
  }
  return clamp(noisy * scale, vec4f(), vec4f(MAX_INTENSITY));
}
