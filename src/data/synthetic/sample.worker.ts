import { serve } from '../../util/thread.ts'
import type { SampleRequest } from './sample_makers.ts'
import { makeSample } from './synthetic.ts'

serve(
  ({ variation, index, scenario }: SampleRequest) => makeSample(variation, index, scenario),
  ({ image, masks }) => [image, masks].map(({ buffer }) => buffer as ArrayBuffer),
)
