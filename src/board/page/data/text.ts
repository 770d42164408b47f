/** A figure to four digits. */
export function numberText(value: number | undefined): string {
  if (value === undefined) return ''
  const size = Math.abs(value)
  if (value !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2)
  return String(Number(value.toPrecision(4)))
}

/** `2026-12-01 09:42`, in the reader's time zone. */
export function timeText(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return ''
  const date = new Date(milliseconds - new Date(milliseconds).getTimezoneOffset() * 60_000)
  return date.toISOString().slice(0, 16).replace('T', ' ')
}

/** `38 s`, `12 min`, `3 h 05 min`, `2 d 4 h`. */
export function durationText(milliseconds: number | undefined): string {
  if (milliseconds === undefined || !Number.isFinite(milliseconds)) return ''
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 100) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

export function bytesText(bytes: number): string {
  const power = Math.min(3, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${['B', 'kB', 'MB', 'GB'][power]}`
}
