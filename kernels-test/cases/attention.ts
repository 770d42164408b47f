import { type AttentionRow, alignmentOperation, attentionMapsOperation } from '../../bench/operations/attention.ts'
import { defineCase } from '../case.ts'

const rows: readonly AttentionRow[] = [
  { samples: 1, structures: 1, size: [3, 5, 7], spread: 1 },
  { samples: 2, structures: 3, size: [8, 8, 16], spread: 40 },
  { samples: 3, structures: 13, size: [8, 8, 8], spread: 2 },
  { samples: 3, structures: 5, size: [16, 16, 16], spread: 2, limit: 2 ** 17 }, // one sample per dispatch
  { samples: 2, structures: 5, size: [16, 16, 16], spread: 2, limit: 2 ** 15 }, // two structures per dispatch
]

export default [defineCase({ ...attentionMapsOperation, rows }), defineCase({ ...alignmentOperation, rows })]
