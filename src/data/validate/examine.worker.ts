import { serve } from '../../util/thread.ts'
import { type ExaminationRequest, SampleExaminer } from './sample_examiner.ts'

const examiner = new SampleExaminer()

serve((request: ExaminationRequest) => examiner.examine(request))
