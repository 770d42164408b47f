import type { RefObject } from 'preact'
import { useEffect, useState } from 'preact/hooks'

const MARGIN = 12 // rows above and below what is visible

/** Which rows of a list to draw, of rows of one height that scroll with the page. */
export function useWindow(
  list: RefObject<HTMLElement | null>,
  count: number,
  rowHeight: number,
): { first: number; end: number } {
  const [range, setRange] = useState({ first: 0, end: 60 })
  useEffect(() => {
    const measure = (): void => {
      const top = list.current?.getBoundingClientRect().top ?? 0
      const first = Math.max(0, Math.floor(-top / rowHeight) - MARGIN)
      const end = first + Math.ceil(innerHeight / rowHeight) + 2 * MARGIN
      setRange(before => (before.first === first && before.end === end ? before : { first, end }))
    }
    measure()
    addEventListener('scroll', measure, { passive: true })
    addEventListener('resize', measure)
    return () => {
      removeEventListener('scroll', measure)
      removeEventListener('resize', measure)
    }
  }, [count, rowHeight])
  return { first: Math.min(range.first, count), end: Math.min(range.end, count) }
}
