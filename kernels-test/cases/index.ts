import { readdirSync } from 'node:fs'
import type { Case } from '../case.ts'

const files = readdirSync(import.meta.dirname).filter(file => file.endsWith('.ts') && file !== 'index.ts')
const modules = await Promise.all(
  files.sort().map(file => import(new URL(file, import.meta.url).href) as Promise<{ default: Case | Case[] }>),
)

/** Every operation under test: each file here exports by default a `defineCase(…)`, or several in an array. */
export const cases: readonly Case[] = modules.flatMap(module => module.default)
