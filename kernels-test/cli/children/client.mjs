// node client.mjs SOCKET WORDS...: has the resident program run a command as if it were this process
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const [, , path, ...words] = process.argv
const socket = connect(path)
socket.write(`${JSON.stringify({ words, cwd: process.cwd(), env: process.env })}\n`)
process.exitCode = 1 // where the resident program ends before the command does
// to the program a reader that goes away is no error
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
for await (const line of createInterface({ input: socket })) {
  const { stdout, stderr, code } = JSON.parse(line)
  if (stdout) process.stdout.write(stdout)
  if (stderr) process.stderr.write(stderr)
  if (code !== undefined) process.exitCode = code
}
