import type { Dictionary } from '../model/dictionary.ts'

/** Variables as the engine takes them: a name alone removes what the image sets. */
export function toEnvironment(variables: Dictionary<string | null> | undefined): readonly string[] {
  return Object.entries(variables ?? {}).map(([name, value]) => (value === null ? name : `${name}=${value}`))
}
