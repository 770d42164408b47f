import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { InputError } from '../../src/util/error.ts'
import { RESULTS_LIST, ResultFolder, refuseToReplace } from '../../src/util/files/result_folder.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'

const root = temporaryDirectory()
const folderOf = (): string => mkdtempSync(join(root, 'results-'))
const bytes = (text: string): Uint8Array[] => [Buffer.from(text)]
const textAt = (...parts: string[]): string => readFileSync(join(...parts), 'utf8')

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof InputError) return error.message
    throw error
  }
  return 'nothing was refused'
}

test('a file that another start of the program wrote is renewed, also by another command', () => {
  const at = folderOf()
  new ResultFolder(at).write('a.txt', bytes('one'))
  new ResultFolder(at).write('b.txt', bytes('two'))
  new ResultFolder(at).write('a.txt', bytes('three'))
  expect(textAt(at, 'a.txt')).toBe('three')
  expect(readdirSync(at).sort()).toStrictEqual([RESULTS_LIST, 'a.txt', 'b.txt'])
})

test('a file of somebody else, or changed by somebody, stays, and is named; --overwrite replaces it', () => {
  const at = folderOf()
  writeFileSync(join(at, 'notes.txt'), 'mine')
  const folder = new ResultFolder(at, { overwrite: false })
  folder.write('a.txt', bytes('one'))
  writeFileSync(join(at, 'a.txt'), 'corrected')
  for (const work of [() => folder.claim(['a.txt', 'notes.txt', 'new.txt']), () => folder.write('a.txt', bytes('two'))])
    expect(refusal(work)).toContain(`${at}: would replace a.txt`)
  expect(refusal(() => folder.claim(['a.txt', 'notes.txt', 'new.txt']))).toBe(
    `${at}: would replace a.txt, notes.txt, which sadaan-gpu did not write or somebody changed since; choose another folder, or --overwrite`,
  )
  // a command without the flag does not name it
  expect(refusal(() => new ResultFolder(at).claim(['notes.txt']))).toMatch(/; choose another folder$/)
  folder.remove(() => true)
  expect([textAt(at, 'a.txt'), textAt(at, 'notes.txt')]).toStrictEqual(['corrected', 'mine'])
  const anyhow = new ResultFolder(at, { overwrite: true })
  anyhow.write('a.txt', bytes('two'))
  expect(textAt(at, 'a.txt')).toBe('two')
  // from then on it is a result again
  new ResultFolder(at).write('a.txt', bytes('three'))
})

test('only what is ours and meant is removed', () => {
  const at = folderOf()
  const folder = new ResultFolder(at)
  for (const name of ['old.png', 'kept.txt', 'changed.png']) folder.write(name, bytes(name))
  writeFileSync(join(at, 'changed.png'), 'drawn over')
  writeFileSync(join(at, 'theirs.png'), 'theirs')
  folder.remove(name => name.endsWith('.png'))
  expect(readdirSync(at).sort()).toStrictEqual([RESULTS_LIST, 'changed.png', 'kept.txt', 'theirs.png'])
})

test('a kill between the list and the file leaves either version ours', () => {
  const at = folderOf()
  const folder = new ResultFolder(at)
  folder.write('a.txt', bytes('one'))
  folder.write('a.txt', bytes('two'))
  // as if the second had been listed but not written
  writeFileSync(join(at, 'a.txt'), 'one')
  expect(refusal(() => folder.claim(['a.txt']))).toBe('nothing was refused')
})

test('finished files are moved in together, or none of them', () => {
  const [at, stage] = [folderOf(), folderOf()]
  const staged = (): Map<string, string> => {
    for (const name of ['x', 'y']) writeFileSync(join(stage, name), `new ${name}`)
    return new Map(['x', 'y'].map(name => [join('scan', name), join(stage, name)]))
  }
  const folder = new ResultFolder(at)
  expect(folder.take(staged())).toStrictEqual([join(at, 'scan/x'), join(at, 'scan/y')])
  writeFileSync(join(at, 'scan/y'), 'edited')
  writeFileSync(join(stage, 'z'), '')
  expect(refusal(() => folder.take(staged()))).toContain(`would replace ${join('scan', 'y')},`)
  expect([textAt(at, 'scan/x'), textAt(at, 'scan/y')]).toStrictEqual(['new x', 'edited'])
})

test('a folder or a link where a result belongs is nobody’s result', () => {
  const at = folderOf()
  mkdirSync(join(at, 'a.txt'))
  writeFileSync(join(root, 'far'), 'far')
  symlinkSync(join(root, 'far'), join(at, 'b.txt'))
  const folder = new ResultFolder(at)
  expect(refusal(() => folder.claim(['a.txt', 'b.txt']))).toContain('would replace a.txt, b.txt,')
  expect(refusal(() => new ResultFolder(at, { overwrite: true }).claim(['a.txt']))).toContain('would replace a.txt,')
})

test('a list that is none is refused with its path', () => {
  const at = folderOf()
  writeFileSync(join(at, RESULTS_LIST), '{"files": 3}')
  expect(refusal(() => new ResultFolder(at).claim(['a']))).toContain(`${join(at, RESULTS_LIST)}: files: `)
})

test('a single file is replaced by the same bytes only, unless --overwrite', () => {
  const path = join(folderOf(), 'model.onnx')
  refuseToReplace(path, bytes('abc'), false)
  expect(existsSync(path)).toBe(false)
  writeFileSync(path, 'abc')
  expect(refusal(() => refuseToReplace(path, [...bytes('a'), ...bytes('bc')], false))).toBe('nothing was refused')
  expect(refusal(() => refuseToReplace(path, bytes('abd'), false))).toBe(
    `${path}: exists with other content, expected another name, or --overwrite to replace it`,
  )
  expect(refusal(() => refuseToReplace(path, bytes('abd'), true))).toBe('nothing was refused')
})
