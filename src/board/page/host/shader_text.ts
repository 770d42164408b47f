import type * as node from '../../../host/shader_text.ts'

const SHADERS = '../../../../shaders'
const texts = import.meta.glob<string>('../../../../shaders/**/*.wgsl', {
  query: '?raw',
  import: 'default',
  eager: true,
})

export const readShader: typeof node.readShader = name => {
  const text = texts[`${SHADERS}/${name}.wgsl`]
  if (text === undefined) throw new Error(`shaders/${name}.wgsl is not in this page`)
  return text
}
