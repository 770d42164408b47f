/** Bytes of memory that this process may still take. */
export { availableMemory } from 'node:process'
