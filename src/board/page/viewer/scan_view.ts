import { Niivue, NVImage, SHOW_RENDER } from '@niivue/niivue'
import { regionColor } from '../../../report/chart/palette.ts'
import type { Layer } from '../../wire/results.ts'

/** A volume to show, NIfTI, gzip too. */
interface ShownVolume {
  layer: Layer
  bytes: ArrayBuffer
}

/** The label volumes. */
export type LabelLayer = Extract<Layer, 'truth' | 'prediction'>

/** A scan with label volumes and a map over it, in three planes and 3D. Structure s has the label s + 1 and the colour of the reports. */
export class ScanView {
  private readonly viewer = new Niivue({
    backColor: [0, 0, 0, 1],
    crosshairColor: [1, 1, 1, 0.6],
    crosshairWidth: 0.7,
    crosshairWidthUnit: 'percent', // of the volume: a voxel may be large
    isNearestInterpolation: false,
    multiplanarShowRender: SHOW_RENDER.ALWAYS,
    dragAndDropEnabled: false,
    // the page's own keys go from case to case
    clipPlaneHotKey: '',
    cycleClipPlaneHotKey: '',
    viewModeHotKey: '',
    logLevel: 'error',
  })
  private layers: Layer[] = []

  async show(canvas: HTMLCanvasElement, volumes: readonly ShownVolume[]): Promise<void> {
    await this.viewer.attachToCanvas(canvas, false)
    for (const { layer, bytes: buffer } of volumes) {
      const name = `${layer}.nii`
      const colormap = layer === 'attention' ? 'inferno' : 'gray'
      // the viewer takes bytes beside an address, which it does not open then
      this.viewer.addVolume(await NVImage.loadFromUrl({ url: name, name, buffer, colormap }))
    }
    this.layers = volumes.map(({ layer }) => layer)
  }

  /** Which structures are visible in each of the label volumes. */
  setStructures(visible: Readonly<Record<LabelLayer, readonly boolean[]>>, names: readonly string[]): void {
    const rgb = names.map((_, s) => [1, 3, 5].map(at => Number.parseInt(regionColor(s).slice(at, at + 2), 16)))
    const channel = (at: number): number[] => [0, ...rgb.map(color => color[at]!)]
    for (const [i, layer] of this.layers.entries()) {
      if (layer !== 'truth' && layer !== 'prediction') continue
      this.viewer.volumes[i]?.setColormapLabel({
        R: channel(0),
        G: channel(1),
        B: channel(2),
        A: [0, ...visible[layer].map(isVisible => (isVisible ? 255 : 0))],
        I: [0, ...names.map((_, s) => s + 1)],
        labels: ['', ...names],
      })
    }
    this.viewer.updateGLVolume()
  }

  setOpacity(layer: Layer, opacity: number): void {
    const at = this.layers.indexOf(layer)
    if (at >= 0) this.viewer.setOpacity(at, opacity)
  }

  close(): void {
    this.viewer.cleanup()
  }
}
