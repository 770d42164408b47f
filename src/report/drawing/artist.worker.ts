import { serve } from '../../util/thread.ts'
import { draw } from './drawing.ts'

serve(draw)
