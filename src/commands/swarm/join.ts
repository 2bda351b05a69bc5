import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { joinFlags } from './table.ts'

/** Refuses in words: as an unknown command it would print a line and succeed, as the ancestor's did. */
export const run: Run<typeof joinFlags> = async () => {
  throw new FlotillaError(
    'cluster/unsupported',
    'swarm join is not in this version: no discovery it has keeps registrations',
    {
      hint: 'name the engines in a file and start `swarm manage file:///path`; the file is read again when it changes',
    },
  )
}
