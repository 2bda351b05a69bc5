import { makeSlices } from '../slices.ts'

/**
 * Asks of many texts beforehand whether they fit, letting others have their turn in between: a pattern may take
 * milliseconds for one name, and a fleet has tens of thousands.
 *
 * @param texts as they will be asked for; others are matched when they are
 * @returns the same, from memory
 */
export async function matchBeforehand(
  fits: (text: string) => boolean,
  texts: Iterable<string>,
  nowMs: () => number,
): Promise<(text: string) => boolean> {
  const verdicts = new Map<string, boolean>()
  function remember(text: string): boolean {
    const before = verdicts.get(text)
    if (before !== undefined) return before
    const isFit = fits(text)
    verdicts.set(text, isFit)
    return isFit
  }
  const pause = makeSlices(nowMs)
  for (const text of texts) {
    remember(text)
    const others = pause()
    if (others !== undefined) await others
  }
  return remember
}
