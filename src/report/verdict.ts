/** How a structure's presence was told wrongly; empty where it was told rightly or is unknown. */
export function verdictOf(
  { presence, probability }: { presence: number; probability: number },
  threshold: number,
): '' | 'missed' | 'false alarm' {
  const isPredicted = probability > threshold
  if (presence < 0 || isPredicted === presence > 0.5) return ''
  return isPredicted ? 'false alarm' : 'missed'
}
