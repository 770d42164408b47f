import { Command, Option } from 'commander'
import type { Ranks } from '../src/distributed/ranks.ts'
import { improveSoftwareAdapter, listAdapters, noAdapter } from '../src/gpu/adapter.ts'
import type { OpenAdapter } from '../src/gpu/adapter_info.ts'
import { Device } from '../src/gpu/device.ts'
import { installSwiftShader } from '../src/gpu/software/swiftshader.ts'
import { formatBytes } from '../src/run/memory.ts'
import { selfTest } from '../src/run/self_test.ts'
import { messageOf } from '../src/util/error.ts'
import { say } from './console/say.ts'
import { examineMpi, examineRanks } from './process/examined_ranks.ts'
import { asRank } from './process/ranks.ts'

interface DoctorOptions {
  installSoftwareGpu?: 'fastest' | 'swiftshader'
  json?: boolean
}

/** `doctor`: adapters, limits, features, a kernel self-test, and what to do if something is missing. */
export function makeDoctorCommand(): Command {
  return new Command('doctor')
    .description('list the GPU and software adapters of this machine and test a kernel on each')
    .addOption(
      new Option(
        '--install-software-gpu [which]',
        'install a software adapter without root: Mesa lavapipe on Debian and Ubuntu, else SwiftShader on Linux',
      )
        .choices(['fastest', 'swiftshader'])
        .preset('fastest'),
    )
    .option('--json', 'print one JSON object')
    .action((options: DoctorOptions) => asRank(ranks => runDoctor(ranks, options)))
}

async function runDoctor(ranks: Ranks, { installSoftwareGpu, json = false }: DoctorOptions): Promise<void> {
  if (ranks.size > 1) return examineRanks(ranks, json)
  if (installSoftwareGpu === 'swiftshader') await installSwiftShader(say)
  const own = installSoftwareGpu === 'fastest' ? await improveSoftwareAdapter(say) : undefined
  if (own !== undefined) say(`${own} is there: nothing to install`)
  const adapters = await listAdapters()
  if (adapters.length === 0) throw noAdapter()
  const findings = []
  for (const [index, adapter] of adapters.entries()) {
    const finding = { index, ...factsOf(adapter), ...(await testOf(index)) }
    findings.push(finding)
    if (!json) print(finding)
  }
  const mpi = await examineMpi()
  if (!json) process.stdout.write(`mpi: ${mpi.works ? mpi.text : `not available: ${mpi.text}`}\n`)
  if (json) {
    const platform = `${process.platform}-${process.arch}`
    process.stdout.write(`${JSON.stringify({ node: process.versions.node, platform, adapters: findings, mpi })}\n`)
  }
  if (findings.some(({ passed }) => !passed)) process.exitCode = 1
}

function factsOf({ name, software, adapter, info }: OpenAdapter) {
  const {
    maxStorageBufferBindingSize,
    maxBufferSize,
    maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup,
  } = adapter.limits
  return {
    name,
    software,
    vendor: info.vendor,
    limits: {
      maxStorageBufferBindingSize,
      maxBufferSize,
      maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup,
    },
    features: [...adapter.features].sort(),
    subgroups: [info.subgroupMinSize, info.subgroupMaxSize],
    subgroupMatrices: info.subgroupMatrices,
  }
}

async function testOf(index: number): Promise<{ passed: boolean; selfTest: string }> {
  try {
    const device = await Device.open(String(index))
    const selfTestLine = await selfTest(device)
    device.close()
    return { passed: true, selfTest: selfTestLine }
  } catch (error) {
    return { passed: false, selfTest: messageOf(error) }
  }
}

function print(finding: { index: number } & ReturnType<typeof factsOf> & { passed: boolean; selfTest: string }): void {
  const { index, name, software, limits, features, subgroups, subgroupMatrices, passed, selfTest: test } = finding
  const matrices = subgroupMatrices.map(
    ({ componentType, resultComponentType, M, N, K }) => `${componentType}→${resultComponentType} ${M}×${N}×${K}`,
  )
  const lines = [
    `${index}: ${name}${software ? ', software' : ''}`,
    `   binding      ${formatBytes(limits.maxStorageBufferBindingSize)}, buffer ${formatBytes(limits.maxBufferSize)}`,
    `   workgroup    ${limits.maxComputeInvocationsPerWorkgroup} invocations, ${formatBytes(limits.maxComputeWorkgroupStorageSize)} memory, subgroups ${subgroups.join(' to ')}`,
    `   features     ${['shader-f16', 'subgroups', 'timestamp-query'].map(name => `${name} ${features.includes(name) ? 'yes' : 'no'}`).join(', ')}`,
    `   matrices     ${matrices.length ? matrices.join(', ') : 'none'}`,
    `   self-test    ${passed ? 'passed: ' : 'FAILED: '}${test}`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}
