// Winograd, second of three stages, for subgroups of at least sixteen invocations: like winograd_multiply.wgsl, but one load fetches
// sixteen weights, one per invocation, which are then broadcast. On a CPU, a broadcast takes one instruction and a uniform load ten.
// An invocation also has more outputs: 4 tiles by 1, 2 or 4 BLOCKS of sixteen output channels.
#import lib/winograd/product

enable subgroups;

@group(0) @binding(3) var<storage, read> u: array<f32>; // (frequencies, O / 16, I, 16)

// Sixteen output channels, each a vector over four tiles.
struct Sums {
  #repeat o: 0..16
  o$o: vec4f,
  #end
}

// `w` is the weight of the output channel with the invocation's index.
fn add(s: Sums, x: vec4f, w: f32) -> Sums {
  return Sums(
    #repeat o: 0..16
    fma(x, vec4f(subgroupBroadcast(w, ${o}u)), s.o$o),
    #end
  );
}

fn store(at: u32, s: Sums) {
  #repeat o: 0..16
  store_tiles(at + 64 * $o, s.o$o);
  #end
}

// Workgroups are (BLOCKS of sixteen outputs, block of tiles, frequency).
@compute @workgroup_size(16)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let p = place_of(id, local, id.x * ${BLOCKS});
  let inputs = params.inputs;
  let first = p.u + local;
  #repeat b: 0..${BLOCKS}
  var sums$b = Sums();
  #end
  var i = 0u;
  // With one block, two inputs per iteration: half as many sums spill to the stack.
  for (; ${BLOCKS} == 1 && i + 1u < inputs; i += 2u) {
    let x = load(p.v + i * 64u);
    let next = load(p.v + i * 64u + 64u);
    let w = u[first + i * 16u];
    let next_w = u[first + i * 16u + 16u];
    sums0 = add(add(sums0, x, w), next, next_w);
  }
  for (; i < inputs; i++) {
    let x = load(p.v + i * 64u);
    #repeat b: 0..${BLOCKS}
    sums$b = add(sums$b, x, u[first + ($b * inputs + i) * 16u]);
    #end
  }
  #repeat b: 0..${BLOCKS}
  store(p.m + 1024 * $b, sums$b);
  #end
}
