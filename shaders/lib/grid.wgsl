// One-dimensional kernels. Their workgroups are folded into (x, y) to respect the limit of 65,535 per dimension.

// Invocations per workgroup; a dispatch can override it.
override WORKGROUP: u32 = 64u;

// Parameter of an entry point with one invocation per element.
struct Invocation {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
}

// The element of an invocation. Check it against the count: the last workgroups exceed it.
fn index_of(at: Invocation) -> u32 {
  return linear_index(at, WORKGROUP);
}

// The same among workgroups of another size.
fn linear_index(at: Invocation, size: u32) -> u32 {
  return (at.group.y * at.groups.x + at.group.x) * size + at.local;
}

// The stride of a grid-stride loop.
fn grid_size(at: Invocation) -> u32 {
  return at.groups.x * at.groups.y * WORKGROUP;
}

// Parameter of an entry point with one workgroup per element. Without the local index, it is uniform.
struct Workgroup {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
}

// The element of a workgroup; the last ones exceed the count.
fn workgroup_of(at: Workgroup) -> u32 {
  return at.group.y * at.groups.x + at.group.x;
}
