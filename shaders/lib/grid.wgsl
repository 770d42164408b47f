// One-dimensional kernels. Their workgroups may be folded into (x, y) to stay under the limit of 65,535 workgroups per dimension.

// Invocations per workgroup, unless the dispatch asks for another number.
override WORKGROUP: u32 = 64u;

// What an entry point takes that gives each element an invocation.
struct Invocation {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
}

// The element of an invocation. Compare it with the count of elements: the last workgroups reach past it.
fn index_of(at: Invocation) -> u32 {
  return linear_index(at.group, at.groups, at.local, WORKGROUP);
}

// The stride of a loop in which every invocation takes several elements, a whole grid apart.
fn grid_size(at: Invocation) -> u32 {
  return at.groups.x * at.groups.y * WORKGROUP;
}

// The index of an invocation among workgroups of `group_size`.
fn linear_index(group: vec3u, groups: vec3u, local: u32, group_size: u32) -> u32 {
  return (group.y * groups.x + group.x) * group_size + local;
}

// What an entry point takes that gives each element a workgroup. The local index is not in it: so all of it is uniform.
struct Workgroup {
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
}

// The element of a workgroup; the last ones reach past the count.
fn workgroup_of(at: Workgroup) -> u32 {
  return at.group.y * at.groups.x + at.group.x;
}
