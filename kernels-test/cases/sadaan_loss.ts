import { type LossRow, sadaanLossOperation } from '../../bench/operations/sadaan_loss.ts'
import { defineCase } from '../case.ts'

export default defineCase<LossRow>({
  ...sadaanLossOperation,
  rows: [
    { samples: 1, structures: 1, size: [16, 16, 16], presence: [1] },
    { samples: 1, structures: 1, size: [16, 16, 16], presence: [0] },
    { samples: 2, structures: 3, size: [16, 16, 16], presence: [1, 0, 1, 1, -1] },
    { samples: 2, structures: 3, size: [16, 16, 16], presence: [1, 0, -1], focal: 0 },
    { samples: 2, structures: 3, size: [16, 16, 16], presence: [-1] },
    { samples: 2, structures: 3, size: [16, 16, 16], presence: [1, 0, 1, -1], extreme: true },
    { samples: 1, structures: 13, size: [16, 16, 16], presence: [1, 1, 0] },
    { samples: 2, structures: 3, size: [32, 32, 16], presence: [1, 0, -1, 1], limit: 2 ** 18 }, // one sample per dispatch
    { samples: 1, structures: 3, size: [32, 32, 16], presence: [1, 0], limit: 2 ** 17 }, // two structures per dispatch
  ],
})
