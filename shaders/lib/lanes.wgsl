// Invocations of a workgroup: sixteen fill the vector registers of a CPU, GPUs want a full subgroup.
override LANES: u32 = 64;

// The index of an invocation whose workgroups are folded into x and z; y counts something else.
fn lane_index(id: vec3u, count: vec3u, local: u32) -> u32 {
  return (id.z * count.x + id.x) * LANES + local;
}
