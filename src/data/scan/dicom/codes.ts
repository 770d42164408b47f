/** A term of SNOMED CT, the coding scheme SCT of DICOM. */
export interface Code {
  value: string
  meaning: string
}

/** Category of everything that is segmented (PS3.16, CID 7150), and type of what the table does not name. */
export const ANATOMICAL_STRUCTURE: Code = { value: '91723000', meaning: 'Anatomical Structure' }

const SIDES: Readonly<Record<string, Code>> = {
  left: { value: '7771000', meaning: 'Left' },
  right: { value: '24028007', meaning: 'Right' },
}

/** Words of a structure's name, without its side → code. */
export const ORGANS: Readonly<Record<string, string>> = {
  'adrenal gland': '23451007',
  amygdala: '4958002',
  aorta: '15825003',
  bladder: '89837001',
  bone: '272673000',
  brain: '12738006',
  'brain stem': '119238007',
  breast: '76752008',
  'caudate nucleus': '11000004',
  cerebellum: '113305005',
  'cerebrospinal fluid': '65216001',
  clavicle: '51299004',
  colon: '71854001',
  duodenum: '38848004',
  esophagus: '32849002',
  eye: '81745001',
  femur: '71341001',
  gallbladder: '28231008',
  heart: '80891009',
  hippocampus: '5366008',
  humerus: '85050009',
  'inferior vena cava': '64131007',
  kidney: '64033007',
  'lateral ventricle': '66720007',
  liver: '10200004',
  lung: '39607008',
  mandible: '91609006',
  muscle: '71616004',
  ovary: '15497006',
  pancreas: '15776009',
  'parotid gland': '45289007',
  'portal vein': '32764006',
  prostate: '41216001',
  'pulmonary artery': '81040000',
  putamen: '89278009',
  rectum: '34402009',
  rib: '113197003',
  sacrum: '54735007',
  scapula: '79601000',
  skull: '89546000',
  'small intestine': '30315005',
  'spinal cord': '2748008',
  spleen: '78961009',
  sternum: '56873002',
  stomach: '69695003',
  'superior vena cava': '48345005',
  testis: '40689003',
  thalamus: '42695009',
  thymus: '9875009',
  thyroid: '69748006',
  trachea: '44567001',
  ureter: '87953007',
  uterus: '35039007',
  vertebra: '51282000',
  'white matter': '389080008',
}

const SAME: Readonly<Record<string, string>> = {
  adrenal: 'adrenal gland',
  brainstem: 'brain stem',
  csf: 'cerebrospinal fluid',
  'gall bladder': 'gallbladder',
  oesophagus: 'esophagus',
  'thyroid gland': 'thyroid',
  'urinary bladder': 'bladder',
  white: 'white matter',
}

/** What a structure is, by its name: `left_kidney`, `Kidney-R` and `lung upper lobe left` alike; the last is no organ of the table. */
export function codeOf(name: string): { type: Code; side: Code | undefined } {
  const words = name
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(word => word !== '')
    .map(word => (word === 'l' ? 'left' : word === 'r' ? 'right' : word))
  const side = words.find(word => word in SIDES)
  const rest = words.filter(word => word !== side).join(' ')
  const organ = [SAME[rest] ?? rest, rest.replace(/s$/, '')].find(text => Object.hasOwn(ORGANS, text))
  if (organ === undefined) return { type: ANATOMICAL_STRUCTURE, side: undefined }
  const meaning = organ.charAt(0).toUpperCase() + organ.slice(1)
  return { type: { value: ORGANS[organ]!, meaning }, side: side === undefined ? undefined : SIDES[side] }
}
