import { type ConvTranspose3dRow, convTranspose3dOperation } from '../../bench/operations/conv_transpose3d.ts'
import { defineCase } from '../case.ts'

export default defineCase<ConvTranspose3dRow>({
  ...convTranspose3dOperation,
  rows: [
    { samples: 1, inputs: 1, outputs: 1, volume: [1, 1, 1] },
    { samples: 2, inputs: 3, outputs: 5, volume: [3, 4, 5] },
    { samples: 1, inputs: 32, outputs: 16, volume: [4, 4, 4] },
    { samples: 2, inputs: 17, outputs: 6, volume: [2, 3, 4] },
    { samples: 2, inputs: 64, outputs: 32, volume: [4, 4, 2] },
    { samples: 3, inputs: 2, outputs: 2, volume: [3, 4, 5], limit: 2 ** 13 },
    { samples: 2, inputs: 9, outputs: 7, volume: [4, 3, 5], limit: 2 ** 13 },
    { samples: 1, inputs: 90, outputs: 50, volume: [2, 3, 2], limit: 2 ** 13 },
  ],
})
