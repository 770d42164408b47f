/** A time in Sacred's format: naive UTC with microseconds and no time zone. Its readers fail on other formats. */
export function sacredTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, -1)}000`
}

/** Parses a `sacredTime` into milliseconds since 1970. */
export function millisecondsOf(sacredTime: string): number {
  return Date.parse(`${sacredTime.slice(0, 23)}Z`)
}
