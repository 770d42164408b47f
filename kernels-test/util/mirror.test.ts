import { expect, test } from 'vitest'
import { mirrorPartners } from '../../src/util/mirror.ts'

test('left and right are partners, what has no other side is its own', () => {
  expect(mirrorPartners(['left_lung', 'right_lung', 'heart', 'right_kidney', 'left_kidney'])).toEqual([1, 0, 2, 4, 3])
  expect(mirrorPartners(['kidney_left', 'lung_lobe_left', 'kidney_right'])).toEqual([2, 1, 0])
  expect(mirrorPartners(['cleft', 'left_lung', 'leftmost_rib'])).toEqual([0, 1, 2])
})
