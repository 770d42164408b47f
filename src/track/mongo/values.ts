import type { Long } from 'mongodb'
import { isJsonObject, type Json } from '../../config/json.ts'

/** A value as a Sacred database keeps it. */
export type MongoValue = null | boolean | number | string | Date | Long | object

type LongMaker = (value: number) => Long

/** Keys that MongoDB cannot hold, as Sacred renames them: a leading $ becomes @, a dot a comma. */
export function mongoKey(key: string): string {
  return key.replace(/^\$/, '@').replaceAll('.', ',')
}

/** `value` with such keys, at any depth. Whole numbers beyond 32 bits stay whole. */
export function mongoValue(value: Json, makeLong: LongMaker): MongoValue {
  if (typeof value === 'number') return isBeyondInt32(value) ? makeLong(value) : value
  if (Array.isArray(value)) return value.map(item => mongoValue(item, makeLong))
  if (!isJsonObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [mongoKey(key), mongoValue(item, makeLong)]))
}

function isBeyondInt32(value: number): boolean {
  return Number.isSafeInteger(value) && value !== (value | 0)
}
