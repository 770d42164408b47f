#import lib/span

// Second stage of a reduction over planes: a workgroup combines the partials of one channel over samples and spans in a fixed
// order. The shader defines `Partial`, `Share` (what is combined; Share() is neutral), `share_of(index)` of a partial,
// `joined(a, b)`, and `finish(channel, total)`.
struct Params {
  spans: Spans,
  samples: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<Partial>; // (N, C, parts)

var<workgroup> shares: array<Share, WORKGROUP>;

fn reduce_channel(at: Workgroup, local: u32) {
  let channel = workgroup_of(at);
  let channels = params.spans.channels;
  if (channel >= channels) {
    return;
  }
  let parts = params.spans.cut.w;
  var total = Share();
  for (var p = local; p < params.samples * parts; p += WORKGROUP) {
    let sample = p / parts;
    total = joined(total, share_of((sample * channels + channel) * parts + (p - sample * parts)));
  }
  shares[local] = total;
  workgroupBarrier();
  if (local == 0u) {
    for (var i = 1u; i < WORKGROUP; i++) {
      total = joined(total, shares[i]);
    }
    finish(channel, total);
  }
}
