import { createServer, type Server, type Socket } from 'node:net'
import { BSON, type Document } from 'mongodb'
import { Commands } from './commands.ts'
import { MessageReader } from './wire.ts'

const HELLO = ['hello', 'ismaster', 'isMaster']

/**
 * A MongoDB of one machine, as far as drivers, GridFS and Sacred's readers use one, on 127.0.0.1 with its documents in memory. It
 * speaks MongoDB's wire protocol; what it does not know is answered with an error.
 */
export class MongoServer {
  /** What it was asked, by name; handshakes are not among them. */
  readonly asked: string[] = []
  /** Commands whose next answers are lost: done, but the connection breaks before the answer. */
  readonly losesAnswersTo: string[] = []
  private readonly commands = new Commands()
  private readonly sockets = new Set<Socket>()
  private server: Server | undefined
  private port = 0

  static async start(): Promise<MongoServer> {
    const server = new MongoServer()
    await server.restart()
    return server
  }

  /** `host:port`. */
  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Listens, on the port it had, with the documents it had. */
  async restart(): Promise<void> {
    const server = createServer(socket => this.serve(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.port, '127.0.0.1', resolve)
    })
    this.port = (server.address() as { port: number }).port
    this.server = server
  }

  /** Breaks every connection and listens no more. */
  async kill(): Promise<void> {
    const closed = new Promise<void>(resolve => this.server!.close(() => resolve()))
    for (const socket of this.sockets) socket.destroy()
    await closed
  }

  private serve(socket: Socket): void {
    const reader = new MessageReader()
    this.sockets.add(socket)
    socket.on('close', () => this.sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.on('data', (bytes: Buffer) => {
      for (const { request, reply } of reader.read(bytes)) {
        const answer = this.answer(request)
        if (answer && reply) socket.write(reply(answer))
        if (!answer) socket.destroy()
      }
    })
  }

  /** Undefined where the answer gets lost. */
  private answer(request: Document): Document | undefined {
    const name = Object.keys(request)[0]!
    if (HELLO.includes(name)) return this.hello()
    this.asked.push(name)
    const answer = this.commands.answer(request)
    const loss = this.losesAnswersTo.indexOf(name)
    if (loss < 0) return answer
    this.losesAnswersTo.splice(loss, 1)
    return undefined
  }

  private hello(): Document {
    return {
      helloOk: true,
      ismaster: true,
      isWritablePrimary: true,
      maxBsonObjectSize: new BSON.Int32(16 * 2 ** 20),
      maxMessageSizeBytes: new BSON.Int32(48_000_000),
      maxWriteBatchSize: new BSON.Int32(100_000),
      localTime: new Date(),
      logicalSessionTimeoutMinutes: new BSON.Int32(30),
      minWireVersion: new BSON.Int32(0),
      maxWireVersion: new BSON.Int32(21),
      readOnly: false,
      ok: 1,
    }
  }
}
