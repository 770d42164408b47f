import { expect, test } from 'vitest'
import { contour } from '../../../src/report/chart/contour.ts'
import { regionColor } from '../../../src/report/chart/palette.ts'
import { attentionOverview, attentionRow } from '../../../src/report/sample/attention_overview.ts'
import { overlay } from '../../../src/report/sample/overlay.ts'
import { forSlice, PLANES, slicesToShow, type VolumeSize } from '../../../src/report/sample/slice.ts'
import { structurePictures } from '../../../src/report/sample/structure_pictures.ts'
import type { SampleView } from '../../../src/report/sample/view.ts'
import { drawn, groupsOf, textsOf } from '../read_svg.ts'

const SIZE: VolumeSize = [32, 16, 16]
const VOXELS = 32 * 16 * 16

/** A box from one corner to another, exclusive, as bits. */
function box(from: number[], to: number[]): Uint32Array {
  const bits = new Uint32Array(VOXELS / 32)
  for (let h = from[0]!; h < to[0]!; h++)
    for (let w = from[1]!; w < to[1]!; w++)
      for (let d = from[2]!; d < to[2]!; d++) {
        const voxel = (h * 16 + w) * 16 + d
        bits[voxel >>> 5]! |= 1 << (voxel & 31)
      }
  return bits
}

const nothing = box([0, 0, 0], [0, 0, 0])
const left = box([4, 4, 4], [12, 12, 6])
const half = box([4, 4, 4], [8, 12, 6])

function view(more: Partial<SampleView> = {}): SampleView {
  const structure = (name: string, presence: number, probability: number, truth = nothing, prediction = nothing) => {
    const dice = presence === 1 ? (prediction === half ? 2 / 3 : 0) : null
    return { name, presence, probability, truth, prediction, dice }
  }
  return {
    title: 'sample <1>',
    size: SIZE,
    spacing: undefined,
    orientation: undefined,
    image: Float32Array.from({ length: VOXELS }, (_, v) => v % 255),
    threshold: 0.5,
    structures: [
      structure('found', 1, 0.9, left, half),
      structure('missed', 1, 0.2, left),
      structure('false alarm', 0, 0.8, nothing, half),
      structure('<absent & "so">', 0, 0.1),
      structure('unknown', -1, 0.7, nothing, half),
    ],
    ...more,
  }
}

test('the table: truth, probability, Dice over the volume; wrong predictions stand out; names are text', () => {
  const svg = overlay(view())
  const rows = Object.fromEntries([...groupsOf(svg, 'data-structure')].map(([name, row]) => [name, textsOf(row)]))
  expect(rows).toEqual({
    found: ['found', 'present', '0.90', '0.667'],
    missed: ['missed', 'present', '0.20', 'missed', '0.000'],
    'false alarm': ['false alarm', 'absent', '0.80', 'false alarm', '–'],
    '<absent & "so">': ['<absent & "so">', 'absent', '0.10', '–'],
    unknown: ['unknown', 'unknown', '0.70', '–'],
  })
  const bold = [...svg.matchAll(/data-verdict="([^"]*)"(?:(?!<\/g>).)*?font-weight="bold"/gs)].map(
    ([, verdict]) => verdict,
  )
  expect(bold).toEqual(['missed', 'false alarm'])
  expect(textsOf(svg)).toEqual(
    expect.arrayContaining([
      'sample <1>',
      'presence predicted correctly for 2 of 4 structures; voxel size unknown, drawn as cubes',
    ]),
  )
  expect(svg).not.toContain('<absent')
})

test('three planes through the structures; ground truth and prediction are drawn separately', () => {
  const svg = overlay(view())
  expect([...groupsOf(svg, 'data-plane').keys()]).toEqual(['axial, 5 of 16', 'coronal, 5 of 16', 'sagittal, 5 of 32'])
  const fills = (shown: string): string[] => [...shown.matchAll(/<path [^>]*fill="(#\w+)"/g)].map(([, fill]) => fill!)
  const axial = [...groupsOf(svg, 'data-plane').values()][0]!.split('<svg').slice(1)
  expect(axial.map(fills)).toEqual([[], [0, 1].map(regionColor), [0, 2, 4].map(regionColor)])
  // the ground truth again, in white, over the prediction
  expect(axial[2]!.match(/stroke="#ffffff"/g)).toHaveLength(2)
  expect(drawn(svg).colors).toBeGreaterThan(50)
})

/** Width and height of the first cell of each plane. */
function cellsOf(svg: string): Record<string, number[]> {
  const planes = [...groupsOf(svg, 'data-plane')].map(([label, plane]) => {
    const [, width, height] = /<svg [^>]*\bwidth="([\d.]+)" height="([\d.]+)"/.exec(plane)!
    return [label.split(',')[0]!, [Number(width), Number(height)]]
  })
  return Object.fromEntries(planes)
}

test('slices have the proportions of the voxels; of unknown spacing, voxels are cubes, and the picture says so', () => {
  const ratios = (svg: string) => Object.values(cellsOf(svg)).map(([width, height]) => width! / height!)
  const [axial, coronal, sagittal] = ratios(overlay(view({ spacing: [7.8125, 7.8125, 2.5] })))
  expect(axial).toBeCloseTo(32 / 16, 2)
  expect(coronal).toBeCloseTo((32 * 7.8125) / (16 * 2.5), 1)
  expect(sagittal).toBeCloseTo((16 * 7.8125) / (16 * 2.5), 1)
  expect(textsOf(overlay(view({ spacing: [7.8125, 7.8125, 2.5] }))).join()).toContain('voxels of 7.81 × 7.81 × 2.5 mm')
  expect(ratios(overlay(view()))).toEqual([2, 2, 1])
  const thick = view({ spacing: [1, 2, 1] })
  const found = groupsOf(structurePictures(thick), 'data-structure').get('found')!
  const [, width, height] = /<svg [^>]*\bwidth="([\d.]+)" height="([\d.]+)"/.exec(found)!.map(Number)
  expect(width! / height!).toBeCloseTo(1, 2)
  // one scale for image, outlines and map: the box of the drawn mask is 8 × 8 voxels of 1 × 2 mm
  const [path] = found.match(/<path d="M[^"]*"/)!
  const points = [...path.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)] as const)
  const span = (axis: 0 | 1): number => Math.max(...points.map(p => p[axis])) - Math.min(...points.map(p => p[axis]))
  expect([span(0), span(1)]).toEqual([8, 16])
  const tile = attentionRow({
    ...thick,
    structures: thick.structures.map(each => ({ ...each, attention: new Float32Array(VOXELS) })),
  })!.tiles[0]!
  expect(tile.height).toBeCloseTo(150, 1)
})

test('sides that are known are marked on every slice, with a rim that shows on bright tissue', () => {
  const marksOf = (svg: string) =>
    Object.fromEntries(
      [...groupsOf(svg, 'data-plane')].map(([label, plane]) => [
        label.split(',')[0]!,
        [...plane.matchAll(/<text x="([\d.]+)" y="([\d.]+)"[^>]*fill="#ffffff" stroke="#000000"[^>]*>(\w)</g)]
          .slice(0, 4)
          .map(([, x, y, mark]) => ({ mark, x: Number(x), y: Number(y) })),
      ]),
    )
  const known = marksOf(overlay(view({ orientation: 'RAS' })))
  const edges = (plane: string): Record<string, string | undefined> => {
    const by = (key: 'x' | 'y') => known[plane]!.toSorted((a, b) => a[key] - b[key]).map(({ mark }) => mark)
    return { left: by('x')[0], right: by('x')[3], top: by('y')[0], bottom: by('y')[3] }
  }
  expect(edges('axial')).toEqual({ left: 'R', right: 'L', top: 'A', bottom: 'P' })
  expect(edges('coronal')).toEqual({ left: 'R', right: 'L', top: 'S', bottom: 'I' })
  expect(edges('sagittal')).toEqual({ left: 'P', right: 'A', top: 'S', bottom: 'I' })
  // by convention the first axis runs from left to right; what the others do is unknown
  const unknown = marksOf(overlay(view()))
  const first = (plane: string) => [...new Set(unknown[plane]!.map(({ mark }) => mark))]
  expect([first('axial'), first('coronal'), first('sagittal')]).toEqual([['R', 'L'], ['R', 'L'], []])
  for (const picture of [
    structurePictures(view({ orientation: 'RAS' })),
    attentionOverview([
      attentionRow({
        ...view({ orientation: 'RAS' }),
        structures: view().structures.map(each => ({ ...each, attention: new Float32Array(VOXELS) })),
      })!,
    ]),
  ])
    expect(new Set(textsOf(picture).filter(said => /^[RLAPSI]$/.test(said)))).toEqual(new Set(['R', 'L', 'A', 'P']))
})

test('the table and the picture of each structure show the Dice that they are given', () => {
  const given = view()
  const structures = given.structures.map(each => ({ ...each, dice: each.dice && 0.123 }))
  expect(textsOf(overlay({ ...given, structures }))).toContain('0.123')
  expect(textsOf(structurePictures({ ...given, structures }))).toContain('Dice 0.123')
})

test('many structures, a constant image, no structures: still a picture', () => {
  const many = Array.from({ length: 120 }, (_, s) => ({ ...view().structures[s % 5]!, name: `structure ${s}` }))
  const flat = new Float32Array(VOXELS).fill(7)
  const { height } = drawn(overlay(view({ structures: many, image: flat })))
  expect(height).toBeGreaterThan(120 * 19)
  expect(new Set(Array.from({ length: 120 }, (_, s) => regionColor(s))).size).toBe(120)
  expect(drawn(overlay(view({ structures: [] }))).height).toBeGreaterThan(200)
})

test('slices run through structures, and small ones count as much as large ones', () => {
  const large = box([0, 0, 0], [20, 16, 16])
  const small = box([24, 3, 7], [25, 4, 8])
  const other = box([24, 3, 9], [25, 4, 10])
  expect(slicesToShow([nothing], SIZE)).toEqual([16, 8, 8])
  expect(slicesToShow([large, small, other], SIZE)).toEqual([24, 3, 7])
})

test('a slice shows the patient’s right on the left, anterior and head up', () => {
  const at = (plane: number, h: number, w: number, d: number): number => {
    const found: number[] = []
    forSlice(PLANES[plane]!, [d, w, h][plane]!, SIZE, (voxel, pixel) => {
      if (voxel === (h * 16 + w) * 16 + d) found.push(pixel)
    })
    expect(found).toHaveLength(1)
    return found[0]!
  }
  expect(at(0, 31, 15, 3)).toBe(0) // axial: right and front: the first pixel
  expect(at(0, 0, 0, 3)).toBe(16 * 32 - 1)
  expect(at(1, 31, 2, 15)).toBe(0) // coronal: right and up
  expect(at(2, 5, 0, 15)).toBe(0) // sagittal: back and up
})

test('a contour follows pixel edges, and holes run the other way round', () => {
  expect(contour(Uint8Array.of(0, 0, 0, 0), 2, 2)).toBe('')
  expect(contour(Uint8Array.of(0, 1, 0, 0), 2, 2)).toBe('M1 0L2 0L2 1L1 1Z')
  const ring = Uint8Array.from({ length: 25 }, (_, i) => Number(i !== 12))
  expect(areaOf(contour(ring, 5, 5))).toBe(24)
  const checkered = Uint8Array.from({ length: 36 }, (_, i) => (i + Math.floor(i / 6)) % 2)
  expect(areaOf(contour(checkered, 6, 6))).toBe(18)
})

/** The area of all loops together, by the shoelace formula. */
function areaOf(path: string): number {
  const loops = path.split('Z').filter(loop => loop !== '')
  return loops.reduce((sum, loop) => {
    const points = loop
      .slice(1)
      .split('L')
      .map(point => point.split(' ').map(Number) as [number, number])
    const twice = points.reduce((area, [x, y], i) => {
      const [nextX, nextY] = points[(i + 1) % points.length]!
      return area + x * nextY - nextX * y
    }, 0)
    return sum + twice / 2
  }, 0)
}
