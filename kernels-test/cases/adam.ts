import { type AdamRow, adamOperation } from '../../bench/operations/adam.ts'
import { defineCase } from '../case.ts'

export default defineCase<AdamRow>({
  ...adamOperation,
  rows: [
    { type: 'adamw', size: 1, elements: 1, step: 0 },
    { type: 'adamw', size: 1000, elements: 999, step: 0, weightDecay: 0.3 },
    { type: 'adam', size: 1000, elements: 999, step: 0, weightDecay: 0.3 },
    { type: 'adamw', size: 1000, elements: 1000, step: 123_456 },
    { type: 'adamw', size: 1000, elements: 1000, step: 7, finite: false },
    { type: 'adam', size: 3000, elements: 2999, step: 40, limit: 2 ** 12 },
  ],
})
