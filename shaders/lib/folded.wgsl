// Kernels whose workgroups are folded into x and z, since y counts blocks of channels. Sixteen invocations fill the vector registers of
// a CPU, GPUs want a full subgroup.
#import lib/grid

fn folded_workgroup(at: Invocation) -> u32 {
  return at.group.z * at.groups.x + at.group.x;
}

fn folded_index(at: Invocation) -> u32 {
  return folded_workgroup(at) * WORKGROUP + at.local;
}
