import { block, double, float, integer, message, type Pieces } from '../../util/protobuf.ts'

// Field numbers of TensorFlow's event.proto, summary.proto and tensor.proto.
const DT_STRING = 7
const RGBA = 4

/** The first event of a file. `time` is in milliseconds since 1970, here and below. */
export function versionEvent(time: number): Buffer {
  return Buffer.concat(message(double(1, time / 1000), block(3, 'brain.Event:2')))
}

export function scalarEvent(tag: string, value: number, step: number, time: number): Buffer {
  return summaryEvent(tag, [float(2, value)], step, time)
}

/** `png`: a whole PNG file. */
export function imageEvent(tag: string, png: Uint8Array, step: number, time: number): Buffer {
  const { width, height } = pngSize(png)
  const image = message(integer(1, height), integer(2, width), integer(3, RGBA), block(4, png))
  return summaryEvent(tag, [block(4, image)], step, time)
}

/** `text` is Markdown; TensorBoard shows it in its Text tab. */
export function textEvent(tag: string, text: string, step: number, time: number): Buffer {
  const metadata = message(block(1, message(block(1, 'text'))))
  const shape = message(block(2, message(integer(1, 1))))
  const tensor = message(integer(1, DT_STRING), block(2, shape), block(8, text))
  return summaryEvent(tag, [block(8, tensor), block(9, metadata)], step, time)
}

function summaryEvent(tag: string, value: readonly Pieces[], step: number, time: number): Buffer {
  const summary = message(block(1, message(block(1, tag), ...value)))
  return Buffer.concat(message(double(1, time / 1000), integer(2, step), block(5, summary)))
}

/** Reads the size from the PNG header. */
function pngSize(png: Uint8Array): { width: number; height: number } {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength)
  return { width: view.getUint32(16), height: view.getUint32(20) }
}
