import { maxExpressions, needsRegex, parseExpressions } from './expression.ts'
import type { CompileRegex } from './expression.ts'
import { noRegex } from './regex.ts'
import { makeSlices } from './slices.ts'

/**
 * What the conditions of a request are read with. Patterns among them are compiled by then, others having had their turn
 * in between: one of a thousand characters takes milliseconds, and a request may have a thousand.
 *
 * @param load the regular expression engine; called only when a condition needs it
 * @param longest value of one condition, in characters: longer ones are refused when they are read
 */
export async function compileConditions(
  texts: readonly string[],
  load: () => Promise<CompileRegex>,
  longest: number,
  nowMs: () => number,
): Promise<CompileRegex> {
  if (!needsRegex(texts)) return noRegex
  const compile = await load()
  const compiled = new Map<string, ReturnType<CompileRegex>>()
  const remembering: CompileRegex = (pattern) => {
    const matches = compiled.get(pattern) ?? compile(pattern)
    compiled.set(pattern, matches)
    return matches
  }
  const pause = makeSlices(nowMs)
  // More of them are refused unread.
  for (const text of texts.slice(0, 2 * maxExpressions)) {
    const { problem } = parseExpressions([text], remembering, '', longest)
    // Nothing is read beyond it.
    if (problem !== undefined) break
    const others = pause()
    if (others !== undefined) await others
  }
  return remembering
}
