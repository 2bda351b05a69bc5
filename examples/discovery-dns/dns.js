import { lookup as systemLookup } from 'node:dns/promises'

/** @typedef {(name: string) => Promise<readonly string[]>} Lookup */

/** @type {Lookup} */
async function lookupAll(name) {
  const found = await systemLookup(name, { all: true, verbatim: true })
  return found.map(({ address }) => address)
}

/**
 * `dns://engines.example:2376,spare.example:2376`: every address of every name. A name that cannot be looked up leaves
 * the last known set as it is.
 *
 * @param {Lookup} lookup
 * @returns {import('flotilla/plugin').MakeDiscovery}
 */
export function makeDns(lookup = lookupAll) {
  return (rest, { clock, log, heartbeatMs }) => {
    const names = rest.split(',').map(parseName)
    return {
      async *watch(o = {}) {
        /** @type {string | undefined} */
        let last
        while (o.signal?.aborted !== true) {
          const set = await resolve(names, lookup).catch((error) => {
            log.warn(`dns://${rest}: ${error}`)
            return undefined
          })
          if (set !== undefined && set.join() !== last) {
            last = set.join()
            yield set
          }
          await clock.sleep(heartbeatMs, o.signal).catch(() => undefined)
        }
      },
      register: () => Promise.reject(new Error('dns:// cannot announce engines: add them to the zone')),
    }
  }
}

/** @typedef {{ readonly host: string, readonly port: number }} Name */

/**
 * @param {string} text
 * @returns {Name}
 */
function parseName(text) {
  const match = /^([^:\s]+):(\d{1,5})$/.exec(text.trim())
  // Thrown while the program starts: the user sees it at once.
  if (match === null) throw new Error(`dns://: ${JSON.stringify(text)} is not NAME:PORT`)
  return { host: match[1] ?? '', port: Number(match[2]) }
}

/**
 * The full set, sorted and without duplicates, as every discovery gives it.
 *
 * @param {readonly Name[]} names
 * @param {Lookup} lookup
 */
async function resolve(names, lookup) {
  const lists = await Promise.all(
    names.map(async ({ host, port }) => {
      const addresses = await lookup(host)
      return addresses.map((address) => `${address.includes(':') ? `[${address}]` : address}:${port}`)
    }),
  )
  return [...new Set(lists.flat())].sort()
}
