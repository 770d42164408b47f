import { ensureAdapter } from '../src/gpu/adapter.ts'

/** Runs once before all test files: without an adapter no test may pass, so this fails where none can be had. */
export default async function setup(): Promise<void> {
  const { name } = await ensureAdapter(line => console.log(line))
  console.log(`Tests run on ${name}`)
}
