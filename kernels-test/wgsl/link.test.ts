import { describe, expect, test } from 'vitest'
import { linkShader, type ShaderForm } from '../../src/wgsl/link.ts'
import { unroll } from '../../src/wgsl/repeat.ts'

/** Links `main` of some files; lines without indentation and empty ones. */
function link(files: Record<string, string>, name = 'main', form: ShaderForm = {}): string[] {
  const text = linkShader(name, form, path => files[path]!)
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(Boolean)
}

describe('#import', () => {
  test('pastes a file once, before what asks for it, directives first', () => {
    const files = { main: '#import lib/a\n#import lib/b\nmain', 'lib/a': '#import lib/b\na', 'lib/b': 'enable f16;\nb' }
    expect(link(files)).toEqual(['enable f16;', 'b', 'a', 'main'])
  })

  test('gives words to what it pastes, once for each set of them', () => {
    const files = { main: '#import lib/a N=8 M=two\n#import lib/a N=16 M=two\n', 'lib/a': `let $M$N = \${N}u;` }
    expect(link(files)).toEqual(['let two8 = 8u;', 'let two16 = 16u;'])
  })

  test('may name a file by a word', () => {
    expect(link({ main: `#import lib/a\${N}\n$N`, 'lib/a8': 'eight' }, 'main N=8')).toEqual(['eight', '8'])
  })
})

describe('activations', () => {
  const files = { main: 'alias Activation = $ACTIVATION;', other: 'f16' }

  test('are f32 unless they are stored as f16, which has to be enabled', () => {
    expect(link(files)).toEqual(['alias Activation = f32;'])
    expect(link(files, 'main', { activation: 'f16' })).toEqual(['enable f16;', 'alias Activation = f16;'])
  })

  test('need nothing where there are none', () => {
    expect(link(files, 'other', { activation: 'f16' })).toEqual(['f16'])
  })
})

describe('#repeat', () => {
  const lines = (text: string): string[] => unroll('test', text).split('\n')

  test('writes its lines once for each number of a range, the last one excluded', () => {
    expect(lines(`before\n#repeat i: 2..4\nx$i = $i * a\${i}u;\n#end\nafter`)).toEqual([
      'before',
      'x2 = 2 * a2u;',
      'x3 = 3 * a3u;',
      'after',
    ])
  })

  test('takes words too, and one block after the other', () => {
    expect(lines('#repeat T: f32 vec3f\nfn f_$T() -> $T {}\n#end\n  #repeat i: 0..1\n  $i\n  #end')).toEqual([
      'fn f_f32() -> f32 {}',
      'fn f_vec3f() -> vec3f {}',
      '  0',
    ])
  })

  test('holds others, which may count to the outer one’s number', () => {
    expect(lines('#repeat n: 1..3\n#repeat i: 0..$n\n$n.$i\n#end\n#end')).toEqual(['1.0', '2.0', '2.1'])
  })

  test.each([
    ['#repeat i: 0..2\nx', '#repeat i: 0..2'],
    ['x\n#end', '#end'],
    ['#end\n#repeat i: 0..2\n#end', '#end'],
    ['#repeat i: 0..2\n#repeat j: 0..2\n#end', '#repeat i: 0..2'],
    ['#repeat i: 0..2\nx$j\n#end', 'x$j'],
  ])('%j is refused for its %j', (text, line) => {
    expect(() => unroll('test', text)).toThrow(
      `test.wgsl: "${line}": expected an #end for each #repeat and a value for`,
    )
  })
})
