import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'

/** Refuses in words: the hosted token service is gone, and one of our own is not in this version. */
export const run: Run = async () => {
  throw new FlotillaError(
    'cluster/unsupported',
    'swarm create is not in this version: there is no token service to ask',
    {
      hint: 'name the engines in a file and start `swarm manage file:///path`',
    },
  )
}
