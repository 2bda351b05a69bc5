import type { Command } from '../../cli/command.ts'
import type { FlagTable } from '../../core/flag.ts'

/** Flags that stand before the command word. */
export const composeGlobals: FlagTable = {}

/** In the order of the help page. */
export const composeCommands: readonly Command[] = []
