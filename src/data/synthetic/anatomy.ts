/** A structure of the synthetic body. Lengths are fractions of the volume's axes (H, W, D). */
export interface Structure {
  name: string
  centre: readonly [number, number, number]
  /** Diameter along each axis. */
  size: readonly [number, number, number]
  intensity: number
  shape: 'ellipsoid' | 'kidney' | 'cylinder'
}

export interface Scenario {
  name: string
  /** Share of all samples, before division by the sum over all scenarios. */
  weight: number
  /** Names of the present structures. */
  present: readonly string[]
}

const LUNG = 150
const KIDNEY = { size: [0.08, 0.12, 0.15], intensity: 160, shape: 'kidney' } as const

/** In the order of mask and presence channels. */
export const STRUCTURES: readonly Structure[] = [
  { name: 'left_lung', centre: [0.25, 0.3, 0.5], size: [0.15, 0.25, 0.35], intensity: LUNG, shape: 'ellipsoid' },
  { name: 'right_lung', centre: [0.75, 0.3, 0.5], size: [0.18, 0.25, 0.35], intensity: LUNG, shape: 'ellipsoid' },
  { name: 'heart', centre: [0.45, 0.35, 0.5], size: [0.12, 0.15, 0.2], intensity: 200, shape: 'ellipsoid' },
  { name: 'liver', centre: [0.65, 0.6, 0.5], size: [0.25, 0.2, 0.3], intensity: 180, shape: 'ellipsoid' },
  { name: 'spleen', centre: [0.25, 0.65, 0.5], size: [0.08, 0.1, 0.15], intensity: 170, shape: 'ellipsoid' },
  { name: 'pancreas', centre: [0.45, 0.65, 0.45], size: [0.15, 0.04, 0.08], intensity: 160, shape: 'ellipsoid' },
  { name: 'left_kidney', centre: [0.3, 0.7, 0.4], ...KIDNEY },
  { name: 'right_kidney', centre: [0.7, 0.7, 0.4], ...KIDNEY },
  vertebra('L1', 0.3),
  vertebra('L2', 0.4),
  vertebra('L3', 0.5),
  vertebra('L4', 0.6),
  vertebra('L5', 0.7),
]

function vertebra(name: string, height: number): Structure {
  return { name, centre: [0.5, 0.85, height], size: [0.06, 0.06, 0.08], intensity: 220, shape: 'cylinder' }
}

const VERTEBRAE = ['L1', 'L2', 'L3', 'L4', 'L5']

/** In the order of sample indices: all samples of the first scenario come first. */
export const SCENARIOS: readonly Scenario[] = [
  without('normal_complete', 0.3, []),
  { name: 'normal_thoracic', weight: 0.1, present: ['left_lung', 'right_lung', 'heart'] },
  {
    name: 'normal_abdominal',
    weight: 0.1,
    present: ['liver', 'spleen', 'pancreas', 'left_kidney', 'right_kidney'],
  },
  without('left_nephrectomy', 0.08, ['left_kidney']),
  without('right_nephrectomy', 0.08, ['right_kidney']),
  without('splenectomy', 0.06, ['spleen']),
  without('left_lung_resection', 0.04, ['left_lung']),
  without('bilateral_nephrectomy', 0.03, ['left_kidney', 'right_kidney']),
  without('bilateral_lung_resection', 0.02, ['left_lung', 'right_lung']),
  without('missing_L4', 0.05, ['L4']),
  without('missing_L2_L3', 0.03, ['L2', 'L3']),
  without('complex_abdominal_surgery', 0.04, ['spleen', 'pancreas', 'left_kidney']),
  {
    name: 'extensive_resection',
    weight: 0.02,
    present: ['heart', 'right_lung', 'liver', 'right_kidney', ...VERTEBRAE],
  },
  { name: 'minimal_structures', weight: 0.02, present: ['heart', 'liver', 'L3'] },
]

function without(name: string, weight: number, absent: readonly string[]): Scenario {
  const present = STRUCTURES.map(structure => structure.name).filter(structure => !absent.includes(structure))
  return { name, weight, present }
}
