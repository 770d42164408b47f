import { DEFAULT_INTENSITY } from '../data/scan/intensity.ts'
import type { Preparation } from '../data/scan/preparation.ts'
import type { TrainedModel } from '../run/trained_model.ts'
import { InputError } from '../util/error.ts'
import type { ImageSize } from '../util/shape.ts'

/** The model's preparation at the model's size, else the default of `import`. Tells `say` if it is not what training had. Throws InputError if it has other channels than the model. */
export function preparationFor({ preparation, path, shape }: TrainedModel, say: (line: string) => void): Preparation {
  const size: ImageSize = [...shape.size]
  if (!preparation) {
    say(
      `${path} does not state how scans were prepared: as by default in import, the model gets the whole field of view, with percentiles 0.5 and 99.5 as 0 and 255`,
    )
    const intensity = Array.from({ length: shape.inChannels }, () => DEFAULT_INTENSITY)
    return { orientation: 'RAS', frame: { kind: 'field_of_view' }, image_size: size, intensity }
  }
  const { frame, intensity, image_size } = preparation
  if (intensity.length !== shape.inChannels)
    throw new InputError(
      `${path}: preparation has ${intensity.length} intensity rules, the model expects ${shape.inChannels} channels`,
    )
  if (image_size.join() === size.join()) return preparation
  say(`scans are resampled to the model's ${size.join('×')}; its dataset had ${image_size.join('×')}`)
  if (frame.kind !== 'spacing') return { ...preparation, image_size: size }
  // training.image_size resampled the whole frame, which changed its voxel size
  const spacing_mm = frame.spacing_mm.map((length, axis) => (length * image_size[axis]!) / size[axis]!) as ImageSize
  return { ...preparation, frame: { kind: 'spacing', spacing_mm }, image_size: size }
}
