import { isUnderNohup } from '../../../cli/process/nohup.ts'

process.stdout.write(`${isUnderNohup()}`)
