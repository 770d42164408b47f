/** A moment as Sacred writes it: naive UTC with six digits of a second, no zone letter (its readers fail on others). */
export function sacredTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, -1)}000`
}

/** The moment that `sacredTime` wrote, in milliseconds since 1970. */
export function millisecondsOf(sacredTime: string): number {
  return Date.parse(`${sacredTime.slice(0, 23)}Z`)
}
