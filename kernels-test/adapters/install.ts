import { openAdapter } from '../../src/gpu/adapter.ts'
import { installLavapipe, lavapipeSource, useLavapipe } from '../../src/gpu/software/lavapipe.ts'
import { installSwiftShader, useSwiftShader } from '../../src/gpu/software/swiftshader.ts'

// A program, since the test's own process has chosen its driver: installs the named software adapter and computes on it.
const say = (line: string): void => console.log(line)
const isLavapipe = process.argv[2] === 'lavapipe'
await (isLavapipe ? installLavapipe(lavapipeSource()!, say) : installSwiftShader(say))
const failure = isLavapipe ? useLavapipe() : useSwiftShader()
if (failure !== undefined) throw new Error(failure)
const { adapter, name } = await openAdapter()
const device = await adapter.requestDevice()
const code = `
  @group(0) @binding(0) var<storage, read_write> values: array<u32>;
  @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { values[i] = 2 * i + 1; }`
const module = device.createShaderModule({ code })
const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } })
const values = device.createBuffer({ size: 256, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC })
const result = device.createBuffer({ size: 256, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
const encoder = device.createCommandEncoder()
const pass = encoder.beginComputePass()
pass.setPipeline(pipeline)
const entries = [{ binding: 0, resource: { buffer: values } }]
pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }))
pass.dispatchWorkgroups(1)
pass.end()
encoder.copyBufferToBuffer(values, 0, result, 0, 256)
device.queue.submit([encoder.finish()])
await result.mapAsync(GPUMapMode.READ)
console.log(`${name} computed ${new Uint32Array(result.getMappedRange())[63]}`)
device.destroy()
