// d(weight) of the 3x3x3 convolution, stride 1: first stage, one partial sum per chunk of voxels.
// A task is the nine taps (kh, kw) of one kd, one input channel and four output channels, over the columns (n, h, d) of its
// chunk. An invocation iterates along W through its columns, four voxels per step: 18 inputs and 16 gradients feed 144
// multiply-adds into a register tile of 9 vec4. On a GPU (`together`) a workgroup takes a task and adds its invocations in order at
// the end. On a CPU (`alone`), where a barrier costs more than a small volume, each invocation takes a task.
#import lib/activation
#import lib/conv3d/gradient
#import lib/conv3d/taps
#import lib/grid
#import lib/workgroup_vectors

struct Params {
  samples: u32,
  inputs: u32, // channels of the brick
  outputs: u32, // channels read of dy
  height: u32,
  width: u32,
  depth: u32,
  dy_base: u32, // first channel read, in elements of the bound window
  dy_channels: u32, // per sample in dy
  chunk_columns: u32,
  chunks: u32,
}

@group(0) @binding(0) var<storage, read> brick: array<Activation>; // (N, I, 2 * tiles + 2, 4 * tiles + 2, D + 2)
@group(0) @binding(1) var<storage, read> dy: array<Activation>; // (N, dy channels, H, W, D)
@group(0) @binding(2) var<uniform> params: Params;

const VECTORS = 9u; // one per tap, each over outputs

fn load(at: u32) -> f32 {
  return f32(brick[at]);
}

fn load_row(at: u32, step: u32) -> Row {
  return Row(
    #repeat i: 0..6
    load(at + $i * step),
    #end
  );
}

// Output channels past the last read the last; their sums are not stored.
fn load_gradient(at: u32, channels: vec4u) -> vec4f {
  return vec4f(vec4(dy[at + channels.x], dy[at + channels.y], dy[at + channels.z], dy[at + channels.w]));
}

// A task is ((input, kd), block of four outputs, chunk). Takes every `lanes`-th column of its chunk from `local` on.
fn correlate(id: vec3u, local: u32, lanes: u32) -> Plane {
  let input = id.x / 3u;
  let kd = id.x % 3u;
  let output = id.y * 4u;
  let step = params.depth + 2u;
  let row_step = ((params.width + 3u) / 4u * 4u + 2u) * step;
  let channel_step = ((params.height + 1u) / 2u * 2u + 2u) * row_step;
  let voxels = params.height * params.width * params.depth;
  let channels = min(output + vec4u(0, 1, 2, 3), vec4u(params.outputs - 1u)) * voxels + params.dy_base;
  let area = params.height * params.depth;
  let columns = params.samples * area;
  let first = id.z * params.chunk_columns;
  let last = min(first + params.chunk_columns, columns);
  var plane = Plane();
  for (var column = first + local; column < last; column += lanes) {
    let n = column / area;
    let h = column % area / params.depth;
    let d = column % params.depth;
    var source_at = (n * params.inputs + input) * channel_step + h * row_step + d + kd;
    var at = n * params.dy_channels * voxels + h * params.width * params.depth + d;
    for (var w = 0u; w < params.width; w += 4u) {
      let left = params.width - w;
      let g = Gradients(
        load_gradient(at, channels),
        #repeat i: 1..4
        select(vec4f(), load_gradient(at + $i * params.depth, channels), left > $i),
        #end
      );
      #repeat h: 0..3
      plane.h$h = add_voxels(plane.h$h, load_row(source_at + $h * row_step, step), g);
      #end
      source_at += 4u * step;
      at += 4u * params.depth;
    }
  }
  return plane;
}

fn store_tap(id: vec3u, tap: u32, sums: vec4f) {
  let output = id.y * 4u;
  let row = params.inputs * 27u;
  let to = (id.z * params.outputs + output) * row + id.x / 3u * 27u + tap * 3u + id.x % 3u;
  store_four(to, row, count_left(output, params.outputs), sums);
}

@compute @workgroup_size(WORKGROUP) $SUBGROUP
fn together(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let plane = correlate(id, local, WORKGROUP);
  #repeat h: 0..3
  #repeat w: 0..3
  put($h * 3 + $w, local, plane.h$h.w$w);
  #end
  #end
  workgroupBarrier();
  if (local < VECTORS) {
    store_tap(id, local, total(local));
  }
}

@compute @workgroup_size(WORKGROUP)
fn alone(at: Invocation) {
  let task = index_of(at);
  let planes = params.inputs * 3u;
  let blocks = (params.outputs + 3u) / 4u;
  let id = vec3u(task % planes, task / planes % blocks, task / (planes * blocks));
  if (id.z >= params.chunks) {
    return;
  }
  let plane = correlate(id, 0u, 1u);
  #repeat h: 0..3
  #repeat w: 0..3
  store_tap(id, $h * 3 + $w, plane.h$h.w$w);
  #end
  #end
}
