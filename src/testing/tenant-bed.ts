import { hashToken, indexAccess } from '../cluster/access/identify.ts'
import type { AccessIndex } from '../cluster/access/identify.ts'
import { parseAccess } from '../cluster/access/parse-access.ts'
import type { EndpointOptions, RunningEndpoint } from '../cluster/endpoint.ts'
import { ask, startManagerOver } from './endpoint-bed.ts'
import type { BedAnswer } from './endpoint-bed.ts'
import { startFakeEngine } from './fake-engine/fake-engine.ts'
import type { FakeEngine, FakeEngineOptions } from './fake-engine/fake-engine.ts'
import { eventually } from './manager-bed.ts'

/** Somebody who talks to the endpoint; tokens are called like their users. */
export type Asks = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<BedAnswer>

/** An endpoint with tenants `blue` and `red` and an admin, over fake engines. `close` must be called. */
export interface TenantBed {
  readonly engines: readonly FakeEngine[]
  readonly endpoint: RunningEndpoint
  readonly port: number
  readonly as: (user: 'admin' | 'blue' | 'red') => Asks
  /** Other rules from now on. @param tenants YAML of the tenants @param users those of them that have a user */
  setTenants(tenants: string, users?: readonly string[]): void
  /** Another manager over the same engines, with the same rules, in place of this one. @param healthy engines that answer */
  readonly restart: (healthy?: number) => Promise<void>
  close(): Promise<void>
}

function rulesOf(tenants: string, names: readonly string[] = ['blue', 'red']): AccessIndex {
  const user = (name: string, more: string): string => `  ${name}: {token: "sha256:${hashToken(name)}", ${more}}`
  const users = [
    'users:',
    user('admin', 'role: admin'),
    ...names.map((name) => user(name, `role: tenant, tenant: ${name}`)),
  ]
  return indexAccess(parseAccess(`${users.join('\n')}\ntenants: ${tenants}\n`, 'access.yaml'))
}

/** Engines are called `n1`, `n2`, …; resolves when all are healthy. */
export async function startTenantBed(
  options: readonly FakeEngineOptions[],
  tenants = '{blue: {}, red: {}}',
  more: Partial<EndpointOptions> = {},
): Promise<TenantBed> {
  const engines: FakeEngine[] = []
  for (const [index, each] of options.entries()) engines.push(await startFakeEngine({ name: `n${index + 1}`, ...each }))
  const source = { index: rulesOf(tenants) }
  let endpoint: RunningEndpoint
  let port = 0
  async function start(healthy = engines.length): Promise<void> {
    endpoint = await startManagerOver(engines, { access: source, ...more })
    port = Number(new URL(endpoint.addresses[0] ?? '').port)
    await eventually(() => endpoint.cluster.healthyMembers().length === healthy, 'healthy engines')
  }
  async function close(): Promise<void> {
    endpoint.closeNow()
    for (const engine of engines) await engine.stop()
  }
  await start()
  return {
    engines,
    get endpoint() {
      return endpoint
    },
    get port() {
      return port
    },
    as: (user) => (method, path, body, headers) =>
      ask(port, method, path, body, { authorization: `Bearer ${user}`, ...headers }),
    setTenants: (text, users) => void (source.index = rulesOf(text, users)),
    async restart(healthy) {
      endpoint.closeNow()
      await start(healthy)
    },
    close,
  }
}
