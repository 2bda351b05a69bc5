import type { CompileRegex } from './expression.ts'

/** Patterns kept compiled; the oldest goes first. */
const cacheSize = 512

/**
 * Loads the regular expression engine: Go syntax, time linear in the text, no back-references. The returned
 * function keeps recent patterns compiled.
 */
export async function loadRegex(): Promise<CompileRegex> {
  const { RE2JS } = await import('re2js')
  const compiled = new Map<string, (text: string) => boolean>()
  return (pattern) => {
    const known = compiled.get(pattern)
    if (known !== undefined) return known
    const regex = RE2JS.compile(pattern)
    const matches = (text: string): boolean => regex.matcher(text).find()
    if (compiled.size >= cacheSize) {
      const oldest = compiled.keys().next()
      if (oldest.done !== true) compiled.delete(oldest.value)
    }
    compiled.set(pattern, matches)
    return matches
  }
}

/** For requests that `needsRegex` cleared. */
export const noRegex: CompileRegex = (pattern) => {
  throw new Error(`no regular expression engine is loaded for ${pattern}`)
}
