type Hdf5Module = typeof import('h5wasm/node')['Module']

/** The part of WebAssembly that is used here; TypeScript declares it for browsers only. */
type InstanceMaker = new (compiled: object, imports?: Imports) => object
interface Imports {
  env?: { memory?: { buffer: ArrayBufferLike } }
}

/**
 * Replaces the global `WebAssembly.Instance` while a call runs that may load a filter. Reason: filters report damaged data through errno, but
 * h5wasm gives them no `__errno_location`. The lzf filter would then abort in the middle of HDF5's work, and afterwards intact chunks could
 * not be read either. Emscripten's loader instantiates filters itself, so the missing import is added in the constructor, and only for
 * instances that use this library's memory.
 */
export function errnoForFilters(module: Hdf5Module): <T>(call: () => T) => T {
  const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: { Instance: InstanceMaker } }
  const { Instance } = wasm
  const errno = module._malloc(4)
  const withErrno = ({ env, ...rest }: Imports): Imports => ({
    ...rest,
    env: new Proxy(env!, { get: (of, name) => (name === '__errno_location' ? () => errno : Reflect.get(of, name)) }),
  })
  const replacement = new Proxy(Instance, {
    construct: (of, [compiled, imports]: [object, Imports?]) => {
      const isOurs = imports?.env?.memory?.buffer === module.HEAPU8.buffer
      return new of(compiled, isOurs ? withErrno(imports) : imports)
    },
  })
  return call => {
    wasm.Instance = replacement
    try {
      return call()
    } finally {
      wasm.Instance = Instance
    }
  }
}
