import { Command } from 'commander'
import { listAdapters } from '../src/gpu/adapter.ts'
import { NoAdapterError, type OpenAdapter } from '../src/gpu/adapter_info.ts'
import { Device } from '../src/gpu/device.ts'
import { installSoftwareAdapter, softwareAdapterInstalled } from '../src/gpu/software.ts'
import { formatBytes } from '../src/run/memory.ts'
import { selfTest } from '../src/run/self_test.ts'
import { messageOf } from '../src/util/error.ts'
import { say } from './console/say.ts'

interface DoctorOptions {
  installSoftwareGpu?: boolean
  json?: boolean
}

/** `doctor`: adapters, limits, features, a kernel self-test, and what to do if something is missing. */
export function makeDoctorCommand(): Command {
  return new Command('doctor')
    .description('list the GPU and software adapters of this machine and test a kernel on each')
    .option('--install-software-gpu', 'install a software adapter for Linux without Vulkan, through npm, without root')
    .option('--json', 'print one JSON object')
    .action(runDoctor)
}

async function runDoctor({ installSoftwareGpu, json }: DoctorOptions): Promise<void> {
  if (installSoftwareGpu && !softwareAdapterInstalled()) await installSoftwareAdapter(say)
  const adapters = await listAdapters()
  if (adapters.length === 0)
    throw new NoAdapterError('no GPU adapter on this machine; run: sadaan-gpu doctor --install-software-gpu')
  const findings = []
  for (const [index, adapter] of adapters.entries()) {
    const finding = { index, ...factsOf(adapter), ...(await testOf(index)) }
    findings.push(finding)
    if (!json) print(finding)
  }
  if (json)
    process.stdout.write(
      `${JSON.stringify({ node: process.versions.node, platform: `${process.platform}-${process.arch}`, adapters: findings })}\n`,
    )
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
