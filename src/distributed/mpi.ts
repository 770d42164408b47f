import type { Launch } from './launcher.ts'
import { type Handle, loadMpi, type MpiLibrary, type Pointer } from './library.ts'

/** C's parameters; H is a handle: a communicator, a type of element or what to do with errors. */
const FUNCTIONS = {
  MPI_Init_thread: ['void *', 'void *', 'int', 'void *'],
  MPI_Comm_rank: ['H', 'void *'],
  MPI_Comm_size: ['H', 'void *'],
  MPI_Comm_set_errhandler: ['H', 'H'],
  MPI_Error_string: ['int', 'void *', 'void *'],
  MPI_Get_library_version: ['void *', 'void *'],
  MPI_Ibarrier: ['H', 'void *'],
  MPI_Ibcast: ['void *', 'int', 'H', 'int', 'H', 'void *'],
  MPI_Iallgather: ['void *', 'int', 'H', 'void *', 'int', 'H', 'H', 'void *'],
  MPI_Iallgatherv: ['void *', 'int', 'H', 'void *', 'void *', 'void *', 'H', 'H', 'void *'],
  MPI_Ialltoallv: ['void *', 'void *', 'void *', 'H', 'void *', 'void *', 'void *', 'H', 'H', 'void *'],
  MPI_Isend: ['void *', 'int', 'H', 'int', 'int', 'H', 'void *'],
  MPI_Irecv: ['void *', 'int', 'H', 'int', 'int', 'H', 'void *'],
  MPI_Test: ['void *', 'void *', 'void *'],
  MPI_Finalize: [],
} as const

type FunctionName = keyof typeof FUNCTIONS
type Starting = Extract<FunctionName, `MPI_I${'b' | 'a' | 's' | 'r'}${string}`>

/** MPI_THREAD_SERIALIZED: any thread may call, one at a time. */
const SERIALIZED = 2
/** bytes; more than any MPI library's longest message or version */
const LONGEST_TEXT = 8192

/** An operation that MPI has begun. */
export interface Begun {
  /** lets MPI work on it; whether it is done */
  isDone(): boolean
}

/** MPI as ranks use it: everything begins at once and ends when it is polled. Errors are exceptions. */
export class Mpi {
  readonly rank: number
  readonly size: number
  private readonly library: MpiLibrary
  private readonly functions: Record<FunctionName, (...values: unknown[]) => number>
  private readonly numbers = new Int32Array(1)
  /** MPI reads and writes the memory of these, so it must not be collected */
  private readonly underWay = new Set<object>()

  /** Joins the ranks that the launcher has started; may wait for them. */
  constructor(launch: Launch) {
    const library = loadMpi(launch)
    this.library = library
    const entries = Object.entries(FUNCTIONS).map(([name, parameters]) => {
      const types = parameters.map(type => (type === 'H' ? library.handle : type))
      return [name, library.native.func(name, 'int', types)]
    })
    this.functions = Object.fromEntries(entries)
    this.call('MPI_Init_thread', null, null, SERIALIZED, this.numbers)
    if (this.numbers[0]! < SERIALIZED) throw new Error(`${library.path}: built without threads (MPI_THREAD_SERIALIZED)`)
    this.call('MPI_Comm_set_errhandler', library.world, library.errorsReturn)
    this.rank = this.numberOf('MPI_Comm_rank')
    this.size = this.numberOf('MPI_Comm_size')
    if (this.size !== launch.size)
      throw new Error(
        `${launch.launcher} started ${launch.size} ranks, of which ${library.path} finds ${this.size}: they are of different MPI installations, or srun needs another --mpi (srun --mpi=list)`,
      )
  }

  /** The library's name and version, e.g. 'Open MPI v4.1.4'. */
  get version(): string {
    const line = this.description.split('\n')[0]!
    return line.split(',')[0]!.replace(/\s+/g, ' ').replace('Version: ', '').replace('\0', '').trim()
  }

  /** What the library says of itself, in lines. */
  private get description(): string {
    const text = Buffer.alloc(LONGEST_TEXT)
    this.call('MPI_Get_library_version', text, this.numbers)
    return text.toString('utf8', 0, this.numbers[0]!)
  }

  barrier(): Begun {
    return this.begin('MPI_Ibarrier', [this.library.world])
  }

  broadcast(bytes: Uint8Array, from: number): Begun {
    const { byte, world } = this.library
    return this.begin('MPI_Ibcast', [bytes, bytes.length, byte, from, world])
  }

  /** `all` has `own.length` bytes of each rank. */
  gatherEqual(own: Uint8Array, all: Uint8Array): Begun {
    const { byte, world } = this.library
    return this.begin('MPI_Iallgather', [own, own.length, byte, all, own.length, byte, world])
  }

  /** `counts[r]` bytes of rank r go to `all` at `starts[r]`. */
  gather(own: Uint8Array, all: Uint8Array, counts: Int32Array, starts: Int32Array): Begun {
    const { byte, world } = this.library
    return this.begin('MPI_Iallgatherv', [own, own.length, byte, all, counts, starts, byte, world])
  }

  /** As `gather`, for floats that are already where they belong. */
  gatherInPlace(all: Float32Array, counts: Int32Array, starts: Int32Array): Begun {
    const { float, world, inPlace } = this.library
    return this.begin('MPI_Iallgatherv', [inPlace, 0, float, all, counts, starts, float, world])
  }

  /** `sent.counts[r]` floats of `sent.data` from `sent.starts[r]` go to rank r, and so the other way. */
  exchange(sent: Parts, received: Parts): Begun {
    const { float, world } = this.library
    const { data, counts, starts } = received
    return this.begin('MPI_Ialltoallv', [
      ...[sent.data, sent.counts, sent.starts, float],
      ...[data, counts, starts, float, world],
    ])
  }

  send(bytes: Uint8Array, to: number, tag: number): Begun {
    const { byte, world } = this.library
    return this.begin('MPI_Isend', [bytes, bytes.length, byte, to, tag, world])
  }

  receive(bytes: Uint8Array, from: number, tag: number): Begun {
    const { byte, world } = this.library
    return this.begin('MPI_Irecv', [bytes, bytes.length, byte, from, tag, world])
  }

  /** Whether MPI_Finalize waits for ever if MPI has noticed before that another rank has closed its connection: MPICH over UCX and TCP. */
  get hangsOnClosed(): boolean {
    return /MPICH Device:.*ucx/.test(this.description)
  }

  /** Nothing may be under way. */
  finalize(): void {
    this.call('MPI_Finalize')
  }

  private begin(name: Starting, values: readonly (Pointer | Handle)[]): Begun {
    const operation = { values, request: new BigInt64Array(1), flag: new Int32Array(1) }
    this.call(name, ...values, operation.request)
    this.underWay.add(operation)
    return {
      isDone: () => {
        if (!this.underWay.has(operation)) return true
        this.call('MPI_Test', operation.request, operation.flag, this.library.statusIgnore)
        if (operation.flag[0] !== 0) this.underWay.delete(operation)
        return operation.flag[0] !== 0
      },
    }
  }

  private numberOf(name: 'MPI_Comm_rank' | 'MPI_Comm_size'): number {
    this.call(name, this.library.world, this.numbers)
    return this.numbers[0]!
  }

  private call(name: FunctionName, ...values: unknown[]): void {
    const code = this.functions[name](...values)
    if (code === 0) return
    const text = Buffer.alloc(LONGEST_TEXT)
    this.functions.MPI_Error_string(code, text, this.numbers)
    throw new Error(`${name}: ${text.toString('utf8', 0, this.numbers[0]!).replace(/\s+/g, ' ').trim()}`)
  }
}

/** Where the floats of each rank are: `counts[r]` of them from element `starts[r]`. */
export interface Parts {
  data: Float32Array
  counts: Int32Array
  starts: Int32Array
}
