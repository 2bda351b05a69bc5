import type { Command } from '../../cli/command.ts'
import type { FlagTable } from '../../core/flag.ts'

/** Flags that stand before the command word. */
export const swarmGlobals: FlagTable = {}

/** In the order of the help page. */
export const swarmCommands: readonly Command[] = []
