import { expect, test } from 'vitest'
import { COMPARED_SPLITS, type ComparedSplit, parseCompared } from '../../src/report/comparison.ts'
import { contradictions } from '../../src/report/comparison_facts.ts'
import { comparisonReport } from '../../src/report/text/comparison_report.ts'
import { InputError } from '../../src/util/error.ts'
import { madeEvaluation } from './made_evaluation.ts'

interface Stated {
  evaluated?: { weights: string; split: string; presence_threshold: number }
  structures?: string[]
}

function splitsOf(stated: (name: ComparedSplit['name']) => Stated): ComparedSplit[] {
  return COMPARED_SPLITS.map(name => {
    const { evaluated, structures = ['liver', 'spleen'] } = stated(name)
    const metrics = { ...madeEvaluation(structures).metrics, evaluated }
    return parseCompared(JSON.stringify(metrics), name, `${name}.json`)
  })
}

const fitting = (split: string) => ({ weights: 'best.pth', split, presence_threshold: 0.5 })

test('evaluations of one model on three splits, or files that state nothing, contradict nothing', () => {
  expect(contradictions(splitsOf(name => ({ evaluated: fitting(name) })))).toEqual([])
  expect(contradictions(splitsOf(() => ({})))).toEqual([])
})

test('another split, model, threshold or structure is said, and kept in the report', () => {
  const splits = splitsOf(name =>
    name === 'test'
      ? { evaluated: { weights: 'last.pth', split: 'train', presence_threshold: 0.3 }, structures: ['liver'] }
      : { evaluated: fitting(name) },
  )
  const expected = [
    'test.json: is an evaluation of the split train, given as test',
    'the evaluations differ in weights: train best.pth, val best.pth, test last.pth',
    'the evaluations differ in presence_threshold: train 0.5, val 0.5, test 0.3',
    'test.json: has no spleen, which other evaluations have',
  ]
  expect(contradictions(splits)).toEqual(expected)
  expect(comparisonReport(splits)).toContain(`\n${expected.map(line => `warning: ${line}\n`).join('')}\n`)
})

test('evaluations without a structure in common are not compared', () => {
  const splits = splitsOf(name => (name === 'val' ? { structures: ['aorta'] } : {}))
  expect(() => contradictions(splits)).toThrow(InputError)
  expect(() => contradictions(splits)).toThrow(
    /^train\.json: evaluates liver, spleen, val\.json aorta: expected evaluations with a structure in common$/,
  )
})
