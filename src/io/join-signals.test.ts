import { once } from 'node:events'
import { expect, it } from 'vitest'
import { joinSignals } from './join-signals.ts'

it('joined signals end with the first of them, and bear any number of listeners without a warning', async () => {
  const [one, other] = [new AbortController(), new AbortController()]
  const joined = joinSignals(one.signal, undefined, other.signal)
  const warned = once(process, 'warning').then(([warning]) => String(warning))
  let heard = 0
  for (let at = 0; at < 50; at += 1) joined.addEventListener('abort', () => (heard += 1), { once: true })
  const quiet = new Promise<string>((resolve) => setTimeout(resolve, 20, 'quiet'))
  expect(await Promise.race([warned, quiet])).toBe('quiet')
  other.abort(new Error('enough'))
  expect([heard, joined.aborted, String(joined.reason)]).toEqual([50, true, 'Error: enough'])
})
