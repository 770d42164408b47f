// The index of an invocation of a one-dimensional kernel whose workgroups were folded into (x, y) to stay under the
// limit of 65,535 workgroups per dimension. Compare it with the count of elements: the last workgroups reach past it.
fn linear_index(workgroup: vec3u, workgroups: vec3u, local: u32, workgroup_size: u32) -> u32 {
  return (workgroup.y * workgroups.x + workgroup.x) * workgroup_size + local;
}

// The same for kernels that give a workgroup, not an invocation, to each element.
fn linear_workgroup(workgroup: vec3u, workgroups: vec3u) -> u32 {
  return workgroup.y * workgroups.x + workgroup.x;
}
