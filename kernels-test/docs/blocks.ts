import { readFileSync } from 'node:fs'

/** A fenced block on a page. */
export interface Block {
  /** of the fence, from 1 */
  line: number
  script: string
  /** the page's own word on why a test cannot run it: `<!-- not run: REASON -->` on the line above the fence */
  notRun: string | undefined
}

/** The blocks of one language, in order. */
export function fencedBlocks(path: string, language: 'sh' | 'bash' | 'json'): Block[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  const blocks: Block[] = []
  for (const [i, text] of lines.entries()) {
    if (text.trimEnd() !== `\`\`\`${language}`) continue
    const length = lines.slice(i + 1).findIndex(line => line.startsWith('```'))
    if (length < 0) throw new Error(`${path}:${i + 1}: the block has no end`)
    const notRun = /^<!-- not run: (.+) -->$/.exec(lines[i - 1] ?? '')?.[1]
    blocks.push({ line: i + 1, script: lines.slice(i + 1, i + 1 + length).join('\n'), notRun })
  }
  return blocks
}
