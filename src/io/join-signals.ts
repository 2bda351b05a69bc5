import { setMaxListeners } from 'node:events'

/**
 * A signal that is aborted with the first of several, for any number of calls at once: fifty engine calls under one signal
 * have fifty listeners, of which Node would warn on the user's terminal from the eleventh on.
 */
export function joinSignals(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const joined = AbortSignal.any(signals.filter((signal) => signal !== undefined))
  setMaxListeners(0, joined)
  return joined
}
