/** Runs `body` as on another system, as far as code asks for process.platform. */
export async function onPlatform<T>(platform: NodeJS.Platform, body: () => T | Promise<T>): Promise<T> {
  const own = Object.getOwnPropertyDescriptor(process, 'platform')!
  Object.defineProperty(process, 'platform', { ...own, value: platform })
  try {
    return await body()
  } finally {
    Object.defineProperty(process, 'platform', own)
  }
}
