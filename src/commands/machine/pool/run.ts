import { randomBytes } from 'node:crypto'
import type { Context, Run } from '../../../cli/command.ts'
import { isFlotillaError } from '../../../core/errors.ts'
import { programVersion } from '../../../core/program.ts'
import { callForJson, callForStatus } from '../../../engine/api/call.ts'
import { openEngine } from '../../../engine/client.ts'
import { endpointFromEnvironment } from '../../../engine/environment.ts'
import type { Engine } from '../../../engine/engine.ts'
import { withLock } from '../../../io/lock.ts'
import { parseTcpUrl } from '../../../machine/connection.ts'
import { createHost } from '../../../machine/create.ts'
import { unfinishedStep } from '../../../machine/creation.ts'
import { hostLog } from '../../../machine/host-log.ts'
import { readInventory } from '../../../machine/inventory.ts'
import { PoolController } from '../../../machine/pool/controller.ts'
import type { ClusterNode, PoolEdge } from '../../../machine/pool/controller.ts'
import { announcePool, loadPool, lockFileOf, poolOf } from '../../../machine/pool/pool.ts'
import type { Pool } from '../../../machine/pool/pool.ts'
import type { Store } from '../../../machine/store.ts'
import { specLabel } from '../../../machine/swarm/container-specs.ts'
import { makeCreateContext, toWanted } from '../create.ts'
import type { CreateFlags } from '../create.ts'
import { openDriver, openStore } from '../open-machine.ts'
import { onePool } from './one-pool.ts'
import { removeMachine } from './remove-machine.ts'
import type { poolRunFlags } from './table.ts'

/** Runs until a signal comes; creations under way are taken back then, machines stay. */
export const run: Run<typeof poolRunFlags> = async (ctx, flags, args) => {
  const store = openStore(ctx)
  const pool = await loadPool(store.root, onePool(args, 'run'))
  const choice = flags.host === undefined ? {} : { host: flags.host }
  const { endpoint, configProblem } = await endpointFromEnvironment(ctx.env, choice)
  if (configProblem !== undefined) ctx.log.warn(configProblem)
  const engine = openEngine(endpoint, { clock: ctx.clock, env: ctx.env, userAgent: `flotilla/${programVersion}` })
  const stop = new AbortController()
  const giveBack = ctx.onInterrupt((name) => {
    ctx.log.info(`Received ${name}, shutting down`)
    stop.abort()
  })
  const lock = { clock: ctx.clock, waitMs: 0, signal: ctx.signal, subject: `pool "${pool.name}"` }
  try {
    await withLock(lockFileOf(store.root, pool.name), lock, async () => {
      ctx.log.info(`pool ${pool.name}: from ${pool.min} to ${pool.max} machines of driver "${pool.driver}"`)
      await new PoolController(pool, makeEdge(ctx, store, pool, engine), ctx.clock, ctx.log).run(stop.signal)
    })
  } finally {
    giveBack()
    await engine.close()
  }
  return 0
}

function makeEdge(ctx: Context, store: Store, pool: Pool, engine: Engine): PoolEdge {
  return {
    makeName: () => `${pool.name}-${randomBytes(3).toString('hex')}`,
    async listMachines() {
      const { hosts } = await readInventory(store)
      const own = hosts.filter((host) => poolOf(host) === pool.name)
      return Promise.all(
        own.map(async (host) => {
          const driver = await openDriver(ctx, store, host)
          const url = await driver.engineUrl({ signal: ctx.signal }).catch(() => '')
          return {
            name: host.name,
            addr: url === '' ? '' : toAddr(url),
            isUnfinished: unfinishedStep(host) !== undefined,
          }
        }),
      )
    },
    async createMachine(name, o) {
      const flags = { ...pool.flags, given: () => false } as unknown as CreateFlags
      const wanted = await toWanted(ctx, flags, name)
      const labels = [...(wanted.engine.Labels ?? []), `pool=${pool.name}`]
      const context = await makeCreateContext(ctx, flags['tls-key-type'] === 'rsa' ? 'rsa' : 'ecdsa')
      const full = {
        ...wanted,
        engine: { ...wanted.engine, Labels: labels },
        isRolledBack: true,
        extra: { Pool: pool.name },
      }
      await createHost(full, { ...context, log: hostLog(ctx.log, name) }, o)
    },
    removeMachine: (name) => removeMachine(ctx, store, name),
    announce: (addrs) => announcePool(store.root, pool.name, addrs),
    readNodes: (o) => readNodes(engine, pool, o),
    async readWaiting(o) {
      const waiting = await ask<readonly WaitingAnswer[]>(engine, '/flotilla/waiting', o)
      return waiting.map(({ Id, NanoCpus, MemoryBytes }) => ({ id: Id, nanoCpus: NanoCpus, memoryBytes: MemoryBytes }))
    },
    async setClosed(addr, isClosed, o) {
      const path = `/flotilla/nodes/${encodeURIComponent(addr)}/${isClosed ? 'cordon' : 'undrain'}`
      try {
        await callForStatus(engine, { method: 'POST', path, unversioned: true }, o)
      } catch (error) {
        // Gone from the cluster: nothing is placed there.
        if (!isFlotillaError(error) || error.code !== 'engine/not-found') throw error
      }
    },
  }
}

interface WaitingAnswer {
  readonly Id: string
  readonly NanoCpus: number
  readonly MemoryBytes: number
}

interface NodeAnswer {
  readonly Name: string
  readonly Addr: string
  readonly State: string
  readonly Availability: string
  readonly Resources: { readonly Cpus: number; readonly MemoryBytes: number }
  readonly Containers: { readonly Total: number; readonly Running: number; readonly Paused: number }
  readonly ContainersPending: number
}

async function readNodes(
  engine: Engine,
  pool: Pool,
  o: { readonly signal?: AbortSignal },
): Promise<readonly ClusterNode[]> {
  const filters = JSON.stringify({ label: [specLabel] })
  const [nodes, agents] = await Promise.all([
    ask<readonly NodeAnswer[]>(engine, '/flotilla/nodes', o),
    callForJson<readonly { readonly Names: readonly string[] }[]>(
      engine,
      { method: 'GET', path: '/containers/json', query: { all: true, filters } },
      o,
    ),
  ])
  return nodes.map((node) => {
    // The swarm's own containers are no work.
    const own = agents.filter(({ Names }) => Names.some((name) => name.startsWith(`/${node.Name}/`))).length
    const { Total, Running, Paused } = node.Containers
    return {
      name: node.Name,
      addr: node.Addr,
      isHealthy: node.State.toLowerCase() === 'healthy',
      isClosed: node.Availability !== 'active',
      containers: Math.max(0, (pool.ignoresExited ? Running + Paused : Total) - own) + node.ContainersPending,
      nanoCpus: node.Resources.Cpus * 1e9,
      memoryBytes: node.Resources.MemoryBytes,
    }
  })
}

function ask<T>(engine: Engine, path: string, o: { readonly signal?: AbortSignal }): Promise<T> {
  return callForJson<T>(engine, { method: 'GET', path, unversioned: true }, o)
}

function toAddr(url: string): string {
  const { host, port } = parseTcpUrl(url)
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
