import { InputError } from '../../util/error.ts'

/** A database that keeps runs. */
export interface MongoAddress {
  /** Connection string. It may hold a password: show and record `shown`. */
  url: string
  database: string
  /** Collection of the runs. */
  collection: string
  /** The same without user, password and options. */
  shown: string
}

const DATABASE = 'sacred' // where the address names none, as in Sacred
const RUNS = 'runs'
const METRICS = 'metrics'
const LOCAL = 'localhost:27017'

const HOST = String.raw`[0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?(?:\.[0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?)*`
const NAME = String.raw`[_A-Za-z][0-9A-Za-z#%&'()+\-;=@[\]^_{}]{0,63}`
const HOST_ONLY = new RegExp(`^(${HOST}):(\\d{1,5})$`)
const FULL = new RegExp(`^(?:(${HOST}):(\\d{1,5}):)?(${NAME})(?:\\.(${NAME}))?$`)
const URL_HOST = String.raw`(?:[^:@/?,[\]]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?`
const URL_FORM = new RegExp(
  `^(mongodb(?:\\+srv)?://)(?:[^@/?]*@)?(${URL_HOST}(?:,${URL_HOST})*)(?:/([^@/?]*))?(\\?.*)?$`,
)

/**
 * The value of `-m`: Sacred's `[host:port:]db[.collection]` or `host:port`, or a mongodb:// URL. Throws InputError, which repeats
 * nothing that may be a password.
 */
export function parseMongoAddress(text: string): MongoAddress {
  if (/^mongodb(\+srv)?:/.test(text)) return ofUrl(text)
  const [, onlyHost, onlyPort] = HOST_ONLY.exec(text) ?? []
  const full = FULL.exec(text)
  const [, fullHost, fullPort, database = DATABASE, collection = RUNS] = full ?? []
  const host = onlyHost ?? fullHost
  const port = onlyPort ?? fullPort
  if ((!onlyHost && !full) || Number(port ?? 1) > 65_535 || Number(port ?? 1) < 1 || isReserved(collection))
    throw new InputError(
      // what has an @ may hold a password
      `-m${text.includes('@') ? '' : ` ${text}`}: expected [host:port:]database[.collection], host:port or a mongodb:// URL`,
    )
  const url = `mongodb://${host === undefined ? LOCAL : `${host}:${port}`}/`
  return { url, database, collection, shown: shownAs(`${url}${database}`, collection) }
}

function ofUrl(url: string): MongoAddress {
  const [, scheme, hosts, path = ''] = URL_FORM.exec(url) ?? []
  if (!scheme || !hosts) throw wrongUrl()
  const database = path === '' ? DATABASE : decoded(path)
  return { url, database, collection: RUNS, shown: `${scheme}${hosts}/${database}` }
}

/** The URL cannot be used; what it holds may be secret and is not repeated. */
export function wrongUrl(): InputError {
  return new InputError(
    '-m: this URL cannot be used, expected mongodb://[user:password@]host[:port]/database[?options], each part percent-encoded',
  )
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw wrongUrl()
  }
}

function shownAs(place: string, collection: string): string {
  return collection === RUNS ? place : `${place}.${collection}`
}

/** Collections that hold something else in a database of Sacred's. */
function isReserved(collection: string): boolean {
  return [METRICS, 'fs', '_properties', 'search_space', 'search_spaces', 'system'].includes(collection)
}
