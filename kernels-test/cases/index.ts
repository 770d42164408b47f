import { readdirSync } from 'node:fs'
import type { Case } from '../case.ts'

const files = readdirSync(import.meta.dirname).filter(file => file.endsWith('.ts') && file !== 'index.ts')
const modules = await Promise.all(
  files.sort().map(file => import(new URL(file, import.meta.url).href) as Promise<{ default: Case | Case[] }>),
)

/** All operations under test. Each file here has a default export: a `defineCase(…)`, or an array of them. */
export const cases: readonly Case[] = modules.flatMap(module => module.default)
