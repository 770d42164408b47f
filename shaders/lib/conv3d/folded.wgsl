// Kernels whose workgroups are folded into x and z, because y counts blocks of channels. Sixteen invocations fill a CPU's vector
// registers; GPUs need a full subgroup.
#import lib/grid

fn folded_workgroup(at: Invocation) -> u32 {
  return at.group.z * at.groups.x + at.group.x;
}

fn folded_index(at: Invocation) -> u32 {
  return folded_workgroup(at) * WORKGROUP + at.local;
}
