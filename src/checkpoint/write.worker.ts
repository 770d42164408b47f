import { serve } from '../util/thread.ts'
import { writeCopies } from './checkpoint.ts'
import type { WriteJob } from './writing_thread.ts'

serve(({ checkpoint, paths }: WriteJob) => writeCopies(paths, checkpoint))
