import type { FlagSpec, FlagTable } from '../../core/flag.ts'

/** A flag as it was found on the command line. */
export interface FlagUse {
  /** Long name: the key in the table. */
  readonly name: string
  readonly spec: FlagSpec
  /** Text of the value; booleans without one read `true`, `bare` flags their bare value. */
  readonly value: string
}

/** A command line taken apart by a dialect. */
export interface Scan {
  readonly uses: readonly FlagUse[]
  readonly args: readonly string[]
}

/** Why a value was refused. */
export type BadValue = 'syntax' | 'range' | 'choice'

/** How an ancestor read its argument vector: one flag table, different spelling rules and error texts. */
export interface Dialect {
  /**
   * @param isInterspersed flags may follow arguments; otherwise everything from the first argument on is left alone
   * @throws {cli/unknown-flag} {cli/usage} with the ancestor's text
   */
  scan(argv: readonly string[], flags: FlagLookup, isInterspersed: boolean): Scan
  /** Any word for yes in the environment is true and everything else false; otherwise a wrong word is an error. */
  readonly hasLenientEnv: boolean
  /** `--help COMMAND` shows the page of the command; otherwise that of what stands before `--help`. */
  readonly hasHelpOfCommand: boolean
  /** The ancestor's message for a value that cannot be read. */
  describeBadValue(use: FlagUse, reason: BadValue): string
  /** The ancestor's message for an environment variable that cannot be read. */
  describeBadEnv(variable: string, value: string, use: FlagUse): string
}

/** A table prepared for look-ups by any spelling. */
export interface FlagLookup {
  byLong(name: string): readonly [string, FlagSpec] | undefined
  byShort(letter: string): readonly [string, FlagSpec] | undefined
  readonly longNames: readonly string[]
}

/** Prepares a table; `extra` is consulted where the table has no such name. */
export function makeFlagLookup(table: FlagTable, extra: FlagTable = {}): FlagLookup {
  const long = new Map<string, readonly [string, FlagSpec]>()
  const short = new Map<string, readonly [string, FlagSpec]>()
  for (const source of [table, extra]) {
    for (const entry of Object.entries(source)) {
      const [name, spec] = entry
      for (const spelling of [name, ...(spec.aliases ?? [])]) if (!long.has(spelling)) long.set(spelling, entry)
      if (spec.short !== undefined && !short.has(spec.short)) short.set(spec.short, entry)
    }
  }
  return {
    byLong: (name) => long.get(name),
    byShort: (letter) => short.get(letter),
    longNames: [...long].filter(([, [, spec]]) => spec.hidden !== true).map(([name]) => name),
  }
}

/** What a flag reads as when it stands without a value; undefined when it needs one. */
export function bareValue(spec: FlagSpec): string | undefined {
  return spec.kind === 'boolean' ? 'true' : spec.bare
}
