import type { Tensor } from '../graph/tensor.ts'
import { volumeOf } from '../util/shape.ts'

/** One size of Winograd tile, F(edge³, 3³): edge³ outputs from (edge + 2)³ products instead of 27 · edge³. */
export interface WinogradTile {
  /** voxels */
  edge: 2 | 4
  /** products a tile and pair of channels */
  frequencies: number
}

/** 3.4 times fewer multiply-adds than the direct sum, rounding as its. */
export const TILE_2: WinogradTile = { edge: 2, frequencies: 64 }
/** 8 times fewer, rounding about twice the direct sum's (docs/performance.md). */
export const TILE_4: WinogradTile = { edge: 4, frequencies: 216 }

/** Tiles of one sample. */
export function tilesOf(t: Tensor, { edge }: WinogradTile): number {
  const { height, width, depth } = volumeOf(t.shape, t.name)
  return Math.ceil(height / edge) * Math.ceil(width / edge) * Math.ceil(depth / edge)
}

/** The share of the tiles' voxels that lie in the volume. */
export function occupancyOf(t: Tensor, tile: WinogradTile): number {
  return volumeOf(t.shape, t.name).voxels / (tilesOf(t, tile) * tile.edge ** 3)
}

/** The shader of a stage that depends on the tile. */
export function shaderOf({ edge }: WinogradTile, stage: 'input' | 'output' | 'weight' | 'weight_gradient'): string {
  return `conv3d/winograd_${stage} EDGE=${edge}`
}
