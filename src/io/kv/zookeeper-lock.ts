import { randomUUID } from 'node:crypto'
import type { CallOptions } from '../../core/call.ts'
import { raceAbort } from '../../core/deadline.ts'
import type { LockSteps, TakenLock } from './hold-lock.ts'
import type { ZookeeperTree } from './zookeeper-tree.ts'
import { JuteWriter, opcode, writeDelete, writeSetData } from './zookeeper-wire.ts'

/** A place in the queue for a lock. */
interface Place {
  readonly name: string
  readonly order: number
}

/** The queue, first place first. Names end with ten digits (go-zookeeper: zk/lock.go). */
export function sortPlaces(children: readonly string[]): readonly Place[] {
  return children
    .flatMap((name) => {
      const digits = /lock-(\d{10})$/.exec(name)?.[1]
      return digits === undefined ? [] : [{ name, order: Number(digits) }]
    })
    .sort((a, b) => a.order - b.order)
}

/** First part of the names of our places: what a client left behind under it, it knows for its own. */
export function makePlaceMark(): string {
  return `_c_${randomUUID().replaceAll('-', '')}-lock-`
}

/**
 * Standing for a lock by ZooKeeper's recipe: ephemeral children `lock-` with growing numbers, the first one holds.
 * The winner writes its value into the lock's own node, where classic Swarm reads it, and takes it out when it goes.
 *
 * @param mark of this client for this lock
 */
export function makeLockSteps(tree: ZookeeperTree, path: string, value: string, mark: string): LockSteps {
  let mine: string | undefined

  async function queue(o: CallOptions): Promise<readonly Place[]> {
    return sortPlaces((await tree.children(path, false, o)) ?? [])
  }

  /** Places that could not be given back, or whose creation was not answered, would be in our own way. */
  async function tidy(places: readonly Place[], o: CallOptions): Promise<void> {
    for (const { name } of places) {
      if (name.startsWith(mark) && name !== mine) await tree.delete(`${path}/${name}`, -1, o)
    }
  }

  async function standIn(o: CallOptions): Promise<readonly Place[]> {
    const places = await queue(o)
    await tidy(places, o)
    if (mine !== undefined && places.some((place) => place.name === mine)) return places
    mine = undefined
    await tree.create({ path, data: '' }, o)
    const node = { path: `${path}/${mark}`, data: value, isEphemeral: true, isSequential: true }
    mine = (await tree.create(node, o))?.slice(path.length + 1)
    return queue(o)
  }

  return {
    async take(o) {
      const places = await standIn(o)
      if (mine === undefined || places[0]?.name !== mine) return undefined
      const taken = await hold(tree, path, `${path}/${mine}`, value, o)
      if (taken === undefined) {
        // It is of a session that was given up, and would stand before everybody until that expires.
        mine = undefined
        return undefined
      }
      const release = (limit: CallOptions): Promise<void> => {
        mine = undefined
        return taken.release(limit)
      }
      return { ...taken, release }
    },
    async waitUntilFree(signal) {
      const places = await queue({ signal })
      const at = places.findIndex((place) => place.name === mine)
      const before = at < 0 ? undefined : places[at - 1]
      // Only the one before, so that a lock that becomes free wakes one and not all.
      if (before !== undefined) await waitForEnd(tree, `${path}/${before.name}`, signal)
    },
    async leave(o) {
      mine = undefined
      await tidy(await queue(o), o)
    },
  }
}

async function hold(
  tree: ZookeeperTree,
  path: string,
  mine: string,
  value: string,
  o: CallOptions,
): Promise<TakenLock | undefined> {
  const stat = await tree.stat(mine, false, o)
  if (stat === undefined || stat.owner !== tree.session.id) return undefined
  const check = { type: opcode.check, body: new JuteWriter().text(mine).int(-1).toBuffer() }
  const tell = { type: opcode.setData, body: writeSetData(path, value) }
  if ((await tree.multi([check, tell], path, o)) !== 0) return undefined
  const isOurs = async (limit: CallOptions): Promise<boolean> => {
    const now = await tree.stat(mine, false, limit)
    return now?.createdBy === stat.createdBy && now.owner === tree.session.id
  }
  const { timeoutMs } = tree.session
  return {
    term: Number(stat.createdBy),
    validMs: timeoutMs,
    renewEveryMs: timeoutMs / 3,
    renew: isOurs,
    async confirm(limit) {
      await tree.sync(mine, limit)
      return isOurs(limit)
    },
    async release(limit) {
      const leave = { type: opcode.delete, body: writeDelete(mine) }
      const clear = { type: opcode.setData, body: writeSetData(path, '') }
      await tree.multi([leave, clear], path, limit)
    },
  }
}

async function waitForEnd(tree: ZookeeperTree, path: string, signal: AbortSignal): Promise<void> {
  const { session } = tree
  let listener: ((error?: Error) => void) | undefined
  const event = new Promise<void>((resolve, reject) => {
    listener = (error) => (error === undefined ? resolve() : reject(error))
    session.watch(path, listener)
  })
  event.catch(() => undefined)
  try {
    if ((await tree.stat(path, true, { signal })) !== undefined) await raceAbort(signal, () => event)
  } finally {
    if (listener !== undefined) session.unwatch(path, listener)
  }
}
