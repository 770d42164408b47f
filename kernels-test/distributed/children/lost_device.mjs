// node --import lost_device.mjs …: in rank 1, the device that the program opens is destroyed once the file LOSE_DEVICE is there
import { existsSync } from 'node:fs'
import { globals } from 'webgpu'

const rank = process.env.OMPI_COMM_WORLD_RANK ?? process.env.PMI_RANK
const { requestDevice } = globals.GPUAdapter.prototype

globals.GPUAdapter.prototype.requestDevice = async function (...given) {
  const device = await requestDevice.apply(this, given)
  const look = setInterval(() => {
    if (rank !== '1' || !existsSync(process.env.LOSE_DEVICE)) return
    clearInterval(look)
    device.destroy()
  }, 20)
  look.unref()
  return device
}
