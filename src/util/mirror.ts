const OTHER_SIDE: Readonly<Record<string, string>> = { left: 'right', right: 'left' }

/**
 * For each structure, the index of its mirror image: left_lung ↔ right_lung, kidney_left ↔ kidney_right. A structure
 * without a side, or without its counterpart in the list, is its own partner.
 */
export function mirrorPartners(structureNames: readonly string[]): number[] {
  const places = new Map(structureNames.map((name, s) => [name, s]))
  return structureNames.map((name, own) => {
    const mirrored = name
      .split('_')
      .map(part => OTHER_SIDE[part] ?? part)
      .join('_')
    return places.get(mirrored) ?? own
  })
}
