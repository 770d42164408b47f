// Winograd, backward-weight, second of three stages, for many output channels: like winograd_correlate.wgsl, but each invocation
// has different output channels, so nothing is summed across invocations.
// An invocation computes WIDTH output channels, sixteen apart, by INPUTS input channels of one frequency. Neighbouring invocations hold
// neighbouring output channels (dM has them innermost), V is uniform: with WIDTH 4 and INPUTS 17 four tiles' 16 gradients and 17 vec4 of V
// feed 272 multiply-adds. Seventeen, because the merged head reads 16 features and a channel of ones.
#import lib/conv3d/gradient

alias Outputs = vec${WIDTH}f;

struct Params {
  inputs: u32,
  outputs: u32,
  blocks: u32, // of 64 tiles
  v_stride: u32, // elements between two frequencies
  dm_stride: u32,
}

@group(0) @binding(0) var<storage, read> v: array<vec4f>; // (frequencies, blocks, I, 64)
@group(0) @binding(1) var<storage, read> dm: array<f32>; // (frequencies, blocks, 64, O)
@group(0) @binding(2) var<uniform> params: Params;

// The gradients of one tile.
fn load(at: u32, outputs: vec${WIDTH}u) -> Outputs {
  return Outputs(
    #repeat o: 0..${WIDTH}
    dm[at + outputs[$o]],
    #end
  );
}

// Adds four tiles of one input channel.
fn add(sum: Outputs, g: mat4x${WIDTH}f, at: u32) -> Outputs {
  let x = v[at];
  return fma(g[3], Outputs(x.w), fma(g[2], Outputs(x.z), fma(g[1], Outputs(x.y), fma(g[0], Outputs(x.x), sum))));
}

fn store_outputs(to: u32, input: u32, output: u32, sums: Outputs) {
  #repeat o: 0..${WIDTH}
  if (output + 16 * $o < params.outputs && input < params.inputs) {
    store(to + (output + 16 * $o) * params.inputs + input, sums[$o]);
  }
  #end
}

// Workgroups are (block of INPUTS, block of 16 · WIDTH outputs, frequency). Output channels beyond the last read the last one, input
// channels beyond the last the data that follow; neither is stored.
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let input = id.x * ${INPUTS};
  let output = id.y * 16 * ${WIDTH} + local;
  let outputs = min(
    vec${WIDTH}u(
      #repeat o: 0..${WIDTH}
      output + 16 * $o,
      #end
    ),
    vec${WIDTH}u(params.outputs - 1u),
  );
  let row = params.outputs;
  let step = params.inputs * 16u - 16u; // vec4s from the end of a channel's block to its next
  var at = id.z * params.v_stride / 4u + input * 16u;
  var gradient_at = id.z * params.dm_stride;
  #repeat i: 0..${INPUTS}
  var sum$i = Outputs();
  #end
  for (var group = 0u; group < params.blocks; group++) {
    for (var four = 0u; four < 16u; four++) {
      let g = mat4x${WIDTH}f(
        #repeat t: 0..4
        load(gradient_at + $t * row, outputs),
        #end
      );
      #repeat i: 0..${INPUTS}
      sum$i = add(sum$i, g, at + 16 * $i);
      #end
      at += 1u;
      gradient_at += 4u * row;
    }
    at += step;
  }
  let to = id.z * params.outputs * params.inputs;
  #repeat i: 0..${INPUTS}
  store_outputs(to, input + $i, output, sum$i);
  #end
}
