/**
 * The known name a mistyped one was probably meant to be, or nothing when none is near.
 * Near: at most a third of the letters differ, and never more than three.
 */
export function nearestName(wrong: string, known: readonly string[]): string | undefined {
  if (wrong.length > 64) return undefined
  const allowed = Math.min(3, Math.floor((wrong.length + 1) / 3))
  let best: string | undefined
  let bestDistance = allowed + 1
  for (const name of known) {
    if (Math.abs(name.length - wrong.length) >= bestDistance) continue
    const distance = distanceOf(wrong.toLowerCase(), name)
    if (distance < bestDistance) [best, bestDistance] = [name, distance]
  }
  return best
}

/** Letters to insert, drop, change or swap with a neighbour. */
function distanceOf(left: string, right: string): number {
  let before: number[] = []
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= right.length; j += 1) {
      const isSame = left[i - 1] === right[j - 1]
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (isSame ? 0 : 1))
      const isSwap = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]
      if (isSwap) cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      next.push(cost)
    }
    before = row
    row = next
  }
  return row[right.length] ?? 0
}
