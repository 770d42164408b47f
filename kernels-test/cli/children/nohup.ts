import { isUnderNohup } from '../../../cli/nohup.ts'

process.stdout.write(`${isUnderNohup()}`)
