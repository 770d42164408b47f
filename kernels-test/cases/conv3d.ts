import { type Conv3dRow, conv3dOperation } from '../../bench/operations/conv3d.ts'
import { defineCase } from '../case.ts'

export default defineCase<Conv3dRow>({
  ...conv3dOperation,
  rows: [
    { samples: 1, channels: [1], outputs: 1, size: 3, volume: [1, 1, 1] },
    { samples: 2, channels: [3], outputs: 5, size: 3, volume: [5, 6, 7] },
    { samples: 1, channels: [1], outputs: 16, size: 3, volume: [8, 8, 8] },
    { samples: 2, channels: [16, 1], outputs: 17, size: 3, volume: [3, 2, 5] },
    { samples: 1, channels: [16, 1], outputs: 64, size: 3, volume: [2, 1, 5] },
    { samples: 1, channels: [64], outputs: 64, size: 3, volume: [1, 2, 3] },
    { samples: 1, channels: [2, 2], outputs: 4, size: 3, volume: [7, 3, 17] },
    { samples: 2, channels: [32], outputs: 64, size: 3, volume: [2, 2, 1] },
    { samples: 2, channels: [6], outputs: 10, size: 3, volume: [2, 2, 1] },
    { samples: 2, channels: [5, 3], outputs: 6, size: 3, stride: 2, volume: [5, 6, 7] },
    { samples: 1, channels: [4], outputs: 3, size: 3, stride: 2, volume: [4, 8, 2] },
    { samples: 2, channels: [64], outputs: 13, size: 1, volume: [4, 3, 6] },
    { samples: 1, channels: [2, 3], outputs: 7, size: 1, volume: [5, 3, 9] },
    { samples: 2, channels: [3], outputs: 5, size: 1, stride: 2, volume: [4, 5, 6] },
    // Enough tiles and channels for Winograd; the last row in two slabs.
    { samples: 2, channels: [16], outputs: 16, size: 3, volume: [3, 7, 8] },
    { samples: 1, channels: [12, 5], outputs: 17, size: 3, volume: [3, 7, 16] },
    { samples: 1, channels: [18], outputs: 33, size: 3, volume: [3, 5, 6] },
    { samples: 1, channels: [16, 2], outputs: 49, size: 3, volume: [1, 16, 16] },
    { samples: 1, channels: [16], outputs: 16, size: 3, volume: [1, 16, 18], limit: 2 ** 19 },
    // Several workgroups along every axis, for each tile shape of the implicit GEMM.
    { samples: 1, channels: [1, 1], outputs: 113, size: 3, volume: [5, 9, 16] },
    { samples: 1, channels: [3], outputs: 49, size: 3, volume: [7, 9, 9] },
    { samples: 1, channels: [1, 2], outputs: 17, size: 3, volume: [9, 9, 9] },
    // Binding limits that cut by samples, by input and output channels, by rows of the weight.
    { samples: 3, channels: [9], outputs: 6, size: 3, volume: [4, 4, 8], limit: 2 ** 14 },
    { samples: 2, channels: [10, 3], outputs: 9, size: 3, volume: [4, 7, 9], limit: 2 ** 13 },
    { samples: 2, channels: [20, 3], outputs: 30, size: 1, volume: [4, 5, 3], limit: 2 ** 12 },
    { samples: 1, channels: [13], outputs: 9, size: 3, stride: 2, volume: [5, 6, 7], limit: 2 ** 13 },
  ],
})
