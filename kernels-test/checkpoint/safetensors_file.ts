import { readFileSync, writeFileSync } from 'node:fs'
import { encodeSafetensors, parseSafetensors, type Safetensors } from '../../src/checkpoint/safetensors.ts'

export function readSafetensors(path: string): Safetensors {
  return parseSafetensors(readFileSync(path), path)
}

export function writeSafetensors(path: string, content: Safetensors): void {
  writeFileSync(path, Buffer.concat(encodeSafetensors(content)))
}
