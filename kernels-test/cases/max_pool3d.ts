import { type MaxPool3dRow, maxPool3dOperation } from '../../bench/operations/max_pool3d.ts'
import { defineCase } from '../case.ts'

const MIB = 2 ** 20

export default defineCase<MaxPool3dRow>({
  ...maxPool3dOperation,
  rows: [
    { shape: [1, 1, 2, 2, 2] },
    { shape: [2, 3, 2, 4, 6] },
    { shape: [1, 5, 6, 10, 2] },
    { shape: [2, 17, 4, 2, 4] },
    { shape: [3, 2, 32, 32, 64], limit: MIB },
    { shape: [1, 5, 32, 32, 64], limit: MIB },
  ],
})
