import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { programVersion } from '../../core/program.ts'
import { openEngine } from '../../engine/client.ts'
import { endpointFromEnvironment } from '../../engine/environment.ts'

/** Calls of the management routes of one endpoint. */
export interface Management {
  /** @throws {engine/not-found} and others, in the words of the endpoint */
  ask<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T>
  /** Writes an answer of any length to `target` as it comes. */
  copy(path: string, target: Writable): Promise<void>
}

const askMs = 60_000

/** Runs something that talks to the endpoint which flags or surroundings choose, as the docker command chooses it. */
export async function withManagement<T>(
  ctx: Context,
  flags: { readonly host: string | undefined },
  run: (management: Management) => Promise<T>,
): Promise<T> {
  const chosen = await endpointFromEnvironment(ctx.env, flags.host === undefined ? {} : { host: flags.host })
  if (chosen.configProblem !== undefined) ctx.log.warn(chosen.configProblem)
  const engine = openEngine(chosen.endpoint, {
    clock: ctx.clock,
    env: ctx.env,
    userAgent: `flotilla/${programVersion}`,
    ...(chosen.headers === undefined ? {} : { headers: chosen.headers }),
  })
  try {
    return await run({
      async ask<A>(method: 'GET' | 'POST', path: string, body?: unknown) {
        const request = { method, path, unversioned: true, ...(body === undefined ? {} : { body }) }
        const reply = await engine.request(request, { deadlineMs: askMs, signal: ctx.signal }).catch(explain)
        return reply.json<A>()
      },
      async copy(path, target) {
        const request = { method: 'GET', path, unversioned: true, stream: true, idleMs: askMs } as const
        const reply = await engine.request(request, { deadlineMs: askMs, signal: ctx.signal }).catch(explain)
        for await (const chunk of reply.body) {
          if (!target.write(chunk)) await once(target, 'drain', { signal: ctx.signal })
        }
      },
    })
  } finally {
    await engine.close()
  }
}

function explain(error: unknown): never {
  if (error instanceof FlotillaError && error.status === 404 && /page not found/i.test(error.message)) {
    const hint = 'name the endpoint of `swarm manage` with --host or DOCKER_HOST'
    throw new FlotillaError('cluster/unsupported', 'this is one engine, not the endpoint of a cluster', { hint })
  }
  throw error
}

/** The one node that the command is about. @throws {cli/usage} */
export function readNode(args: readonly string[], command: string): string {
  const [node, ...more] = args
  if (node !== undefined && node !== '' && more.length === 0) return node
  throw new FlotillaError('cli/usage', `swarm ${command} takes the name of one node. See 'swarm ${command} --help'.`)
}

/** A node as the endpoint shows it. */
export interface NodeAnswer {
  readonly Name: string
  readonly Addr: string
  readonly State: string
  /** Milliseconds; managers of older versions do not tell. */
  readonly StateAgeMs?: number
  readonly Availability: string
  readonly Error: string
  readonly ServerVersion: string
  readonly Resources: {
    readonly Cpus: number
    readonly MemoryBytes: number
    readonly ReservedCpus: number
    readonly ReservedMemoryBytes: number
  }
  readonly Containers: { readonly Total: number; readonly Running: number }
  readonly ContainersLeaving: number
  readonly ContainersHeld: number
  readonly Labels: Readonly<Record<string, string>>
  readonly Moves?: readonly MoveAnswer[]
}

export interface MoveAnswer {
  readonly Name: string
  readonly Container: string
  readonly State: string
  readonly Target: string
  readonly Why: string
}
