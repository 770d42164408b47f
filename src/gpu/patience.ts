/** An answer that comes at once, as of a short kernel, is not waited for with a timer. */
const EAGER_MS = 1
const BETWEEN_MS = 1

let isInstalled = false

/**
 * Has Dawn ask its adapter for results at most once a millisecond. Its binding for Node asks in every turn of the event loop as long as anything is
 * awaited, by calling the global `setImmediate` each time: that takes a whole core, half of what a software adapter on two cores computes with.
 * A browser's Dawn does not ask.
 */
export function askPatiently(): void {
  if (isInstalled) return
  isInstalled = true
  const immediately = globalThis.setImmediate
  let began = 0 // when Dawn began to wait
  let isAsking = false
  const patiently = (callback: (...values: unknown[]) => void, ...values: unknown[]): unknown => {
    if (!isOfBinding(callback)) return immediately(callback, ...values)
    if (!isAsking) began = performance.now()
    const ask = (): void => {
      isAsking = true // what it awaits still, it asks for from within
      try {
        callback(...values)
      } finally {
        isAsking = false
      }
    }
    return performance.now() - began < EAGER_MS ? immediately(ask) : setTimeout(ask, BETWEEN_MS)
  }
  // promisify finds its own variant there
  globalThis.setImmediate = Object.defineProperties(patiently, Object.getOwnPropertyDescriptors(immediately)) as never
}

function isOfBinding(callback: unknown): boolean {
  return Function.prototype.toString.call(callback).includes('[native code]')
}
