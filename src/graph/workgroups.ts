/** WebGPU's guaranteed maxComputeWorkgroupsPerDimension. */
export const MAX_WORKGROUPS = 65_535

/**
 * Folds `count` workgroups into two dimensions within the limit, as evenly as possible. The last workgroups may exceed the count, so
 * every kernel does a bounds check.
 */
export function fold(count: number): readonly [number, number] {
  const rows = Math.ceil(count / MAX_WORKGROUPS)
  return [Math.ceil(count / rows), rows]
}
