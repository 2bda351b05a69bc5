import { describe, expect, it } from 'vitest'
import { makeLockSteps, makePlaceMark } from './zookeeper-lock.ts'
import type { ZookeeperTree } from './zookeeper-tree.ts'

/** As much of a tree as a lock needs: nodes by path with the session that owns them. */
function fakeTree() {
  const nodes = new Map<string, bigint>()
  const session = { id: 1n, timeoutMs: 10_000 }
  let calls = 0
  let serial = 0
  const tree = {
    session,
    children: (path: string) => {
      calls += 1
      return Promise.resolve(
        [...nodes.keys()].flatMap((each) => (each.startsWith(`${path}/`) ? [each.slice(path.length + 1)] : [])),
      )
    },
    create({ path, isSequential }: { readonly path: string; readonly isSequential?: boolean }) {
      if (isSequential !== true) return Promise.resolve(undefined)
      serial += 1
      const name = `${path}${String(serial).padStart(10, '0')}`
      nodes.set(name, session.id)
      return Promise.resolve(name)
    },
    delete: (path: string) => Promise.resolve(nodes.delete(path)),
    stat(path: string) {
      const owner = nodes.get(path)
      return Promise.resolve(owner === undefined ? undefined : { createdBy: 7n, version: 0, owner })
    },
    multi: () => Promise.resolve(0),
  }
  return { nodes, session, calls: () => calls, tree: tree as unknown as ZookeeperTree }
}

describe('a lock at ZooKeeper', () => {
  it('is not waited for behind the own place of a session that was given up', async () => {
    const { nodes, session, tree } = fakeTree()
    const steps = makeLockSteps(tree, '/lock', 'a:1', makePlaceMark())
    expect(await steps.take({})).toBeDefined()
    // A store that was away for long comes back with the places of then; this client has begun a new session.
    session.id = 2n
    for (let tries = 0; tries < 2; tries += 1) if ((await steps.take({})) !== undefined) break
    expect([...nodes.values()]).toEqual([2n])
    expect(await steps.take({})).toBeDefined()
  })
})
