import type { FlagTable } from '../core/flag.ts'
import type { Command } from './command.ts'

/** Globals that are accepted after the command word too, unless the command has a flag of that name. */
export function pickEverywhere(path: readonly Command[], names: readonly string[], table: FlagTable): FlagTable {
  const picked: Record<string, FlagTable[string]> = {}
  for (const group of path.slice(0, -1)) {
    for (const name of names) {
      const spec = group.flags[name]
      if (spec !== undefined && table[name] === undefined) picked[name] = spec
    }
  }
  return picked
}
