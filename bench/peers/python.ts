import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'
import { ChildError, pythonJson } from '../processes.ts'

/** A Python that can import torch. */
export interface Python {
  path: string
  torch: string
  cuda: boolean
}

export interface Pythons {
  found: Python[]
  /** requested ones that cannot import torch, with the reason */
  missing: { python: string; reason: string }[]
}

/** Where to look for torch in a checkout, besides the environment's Pythons. */
const FOLDERS = ['torch-2.13', 'torch-1.13', '.venv', 'venv']

/**
 * The Pythons in `named`; by default those in SADAAN_PYTHON, SADAAN_PYTHON_2 and the usual places. The first one per version of
 * torch.
 */
export async function findPythons(named: readonly string[]): Promise<Pythons> {
  const { SADAAN_PYTHON, SADAAN_PYTHON_2, VIRTUAL_ENV } = process.env
  const wanted = named.length > 0 ? named : [SADAAN_PYTHON, SADAAN_PYTHON_2].filter(path => path !== undefined)
  const pythons: Pythons = { found: [], missing: [] }
  for (const path of new Set(wanted)) {
    const python = await torchOf(path)
    if ('reason' in python) pythons.missing.push({ python: path, reason: python.reason })
    else pythons.found.push(python)
  }
  if (named.length > 0) return pythons
  const folders = [...(VIRTUAL_ENV ? [VIRTUAL_ENV] : []), ...FOLDERS.map(folder => join(PACKAGE_ROOT, folder))]
  const usual = folders.map(folder => join(folder, 'bin/python')).filter(existsSync)
  for (const path of [...usual, 'python3', '/usr/bin/python3']) {
    const python = await torchOf(path)
    if ('torch' in python && !pythons.found.some(({ torch }) => torch === python.torch)) pythons.found.push(python)
  }
  return pythons
}

async function torchOf(path: string): Promise<Python | { reason: string }> {
  const script = 'import json, torch; print(json.dumps(dict(torch=torch.__version__, cuda=torch.cuda.is_available())))'
  try {
    return { path, ...(await pythonJson<Omit<Python, 'path'>>(path, ['-c', script])) }
  } catch (error) {
    if (error instanceof ChildError) return { reason: error.message }
    throw error
  }
}
