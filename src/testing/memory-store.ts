import { FlotillaError } from '../core/errors.ts'
import { checkHostName } from '../machine/host.ts'
import type { Host } from '../machine/host.ts'
import { existsError, notFoundError } from '../machine/store.ts'
import type { Store } from '../machine/store.ts'

/** A store without a disk, for tests of what uses one. */
export function memoryStore(root = '/memory'): Store {
  const hosts = new Map<string, Host>()
  const tails = new Map<string, Promise<unknown>>()
  const held = new Set<string>()

  function find(name: string): Host {
    const host = hosts.get(name)
    if (host === undefined) throw notFoundError(name)
    return host
  }

  return {
    root,
    pathOf: (name) => `${root}/machines/${name}`,
    list: async () => [...hosts.keys()].sort((a, b) => (a < b ? -1 : 1)),
    exists: async (name) => hosts.has(name),
    load: async (name) => find(name),
    save: async (host) => {
      hosts.set(host.name, structuredClone(host))
    },
    create: async (host) => {
      checkHostName(host.name)
      if (hosts.has(host.name)) throw existsError(host.name)
      hosts.set(host.name, structuredClone(host))
    },
    remove: async (name) => {
      hosts.delete(find(name).name)
    },
    lock: async (name, body, o) => {
      if (o?.deadlineMs === 0 && held.has(name)) throw new FlotillaError('io/locked', `machine "${name}" is in use`)
      const before = tails.get(name) ?? Promise.resolve()
      const mine = before
        .catch(() => {})
        .then(async () => {
          held.add(name)
          try {
            return await body()
          } finally {
            held.delete(name)
          }
        })
      tails.set(name, mine)
      return mine
    },
  }
}
