// The index of an invocation of a one-dimensional kernel whose workgroups were folded into (x, y) to stay under the
// limit of 65,535 workgroups per dimension. Compare it with the count of elements: the last workgroups reach past it.
fn linear_index(group: vec3u, groups: vec3u, local: u32, group_size: u32) -> u32 {
  return (group.y * groups.x + group.x) * group_size + local;
}

// The same for kernels that give a workgroup, not an invocation, to each element.
fn linear_workgroup(group: vec3u, groups: vec3u) -> u32 {
  return group.y * groups.x + group.x;
}
