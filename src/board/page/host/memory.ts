import type * as node from '../../../host/memory.ts'

/** A page cannot ask, so nothing is refused beforehand: an allocation that fails says so. */
export const availableMemory: typeof node.availableMemory = () => Number.POSITIVE_INFINITY
