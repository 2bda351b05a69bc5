import { FlotillaError } from '../../core/errors.ts'
import type { MakeDiscovery } from './discovery.ts'
import { parseEntries, toSet } from './parse-entries.ts'
import { untilAborted } from './until-aborted.ts'

/** `nodes://a:2375,b:2375` or the bare list: a set that never changes. */
export const nodes: MakeDiscovery = (rest) => {
  const { addresses, problems } = parseEntries(rest.split(',').map((text) => text.trim()))
  const problem = problems[0]
  if (problem !== undefined) {
    const hint = 'please check you are using the correct discovery (missing token:// ?)'
    throw new FlotillaError('cluster/discovery', `${problem}, ${hint}`)
  }
  return {
    async *watch(o = {}) {
      if (o.signal?.aborted === true) return
      yield toSet(addresses)
      await untilAborted(o.signal)
    },
    register() {
      return Promise.reject(new FlotillaError('cluster/discovery', 'not implemented in this discovery service'))
    },
  }
}
