import { isIP } from 'node:net'
import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { toMessage } from '../core/errors.ts'
import { programVersion } from '../core/program.ts'
import { listContainers } from '../engine/api/containers.ts'
import { engineInfo, engineVersion } from '../engine/api/system.ts'
import { openEngine } from '../engine/client.ts'
import { parseEndpoint } from '../engine/endpoint-parse.ts'
import type { Engine } from '../engine/engine.ts'
import { dialTcp, dialTls } from '../io/dial.ts'
import { parseTcpUrl, readTls } from './connection.ts'
import { unfinishedStep } from './creation.ts'
import { checkCertificates } from './doctor-certificates.ts'
import type { Finding, Severity } from './doctor-certificates.ts'
import type { Driver } from './driver.ts'
import type { Host } from './host.ts'
import { isAddressOnly } from './provision/provision-host.ts'

export interface DoctorContext {
  readonly clock: Clock
  /** Runs a command in the machine's shell; `undefined`: it cannot. */
  readonly runShell: (command: readonly string[]) => Promise<string | undefined>
}

/** Clocks further apart than this confuse logs and tokens; certificates start five minutes early. */
const skewWarnMs = 30_000
const skewFailMs = 300_000
const diskWarnPercent = 80
const diskFailPercent = 95
/** API of Engine 25, the oldest line that is still looked after by anybody. */
const oldestApi = 44
const plainPort = 2375
const probeMs = 3000

/** Looks at one machine from all sides. Never rejects but for a cancellation: what cannot be found out is a finding. */
export async function examine(
  host: Host,
  driver: Driver,
  ctx: DoctorContext,
  o: CallOptions,
): Promise<readonly Finding[]> {
  const step = unfinishedStep(host)
  if (step !== undefined)
    return [{ check: 'machine', severity: 'fail', detail: 'its creation was interrupted: "create --resume" goes on' }]
  const state = await attempt(() => driver.state(o), o)
  if (state.error !== undefined) return [fail('machine', state.error)]
  const address = (await attempt(() => driver.address(o), o)).value ?? ''
  const isOwn = !(await isAddressOnly(driver, o))
  const findings: Finding[] = []
  if (isOwn) findings.push(...(await checkCertificates(host.options.AuthOptions, hostPart(address), ctx.clock)))
  if (state.value === 'Error') {
    const { error } = await attempt(() => driver.engineUrl(o), o)
    return [fail('machine', error ?? 'its driver says that something is wrong with it'), ...findings]
  }
  if (state.value !== 'Running') {
    return [
      { check: 'machine', severity: 'warn', detail: `it is ${(state.value || 'in no known state').toLowerCase()}` },
      ...findings,
    ]
  }
  findings.unshift(ok('machine', 'running'))
  const url = await attempt(() => driver.engineUrl(o), o)
  if (url.value === undefined || url.value === '')
    return [...findings, fail('engine', url.error ?? 'it has no address')]
  findings.push(...(await checkExposure(url.value, ctx, o)))
  const reached = await attempt(() => reach(host, url.value ?? '', ctx.clock, o), o)
  if (reached.error !== undefined) return [...findings, fail('engine', reached.error)]
  const engine = openEngine(await toEndpoint(host, url.value), {
    clock: ctx.clock,
    userAgent: `flotilla/${programVersion}`,
  })
  try {
    findings.push(...(await checkEngine(engine, ctx, o)))
    if (isOwn) findings.push(...(await checkDisk(engine, ctx, o)))
  } finally {
    await engine.close()
  }
  return findings
}

/** Of an address that may have a port. What an IPv6 address ends with is none. */
export function hostPart(address: string): string {
  return isIP(address) === 0 ? address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1') : address
}

async function reach(host: Host, url: string, clock: Clock, o: CallOptions): Promise<void> {
  if (!url.startsWith('tcp:')) return
  const limit = { ...o, deadlineMs: o.deadlineMs ?? 20_000 }
  const tls = await readTls(host.options.AuthOptions).catch(() => undefined)
  if (tls === undefined) await dialTcp(parseTcpUrl(url), limit, clock)
  else await dialTls(parseTcpUrl(url), tls, limit, clock)
}

async function toEndpoint(host: Host, url: string): Promise<ReturnType<typeof parseEndpoint>> {
  if (!url.startsWith('tcp:')) return parseEndpoint(url)
  const tls = await readTls(host.options.AuthOptions).catch(() => undefined)
  return tls === undefined
    ? parseEndpoint(url.replace(/^tcp:/, 'http:'))
    : parseEndpoint(url, { ...tls, isVerified: true })
}

async function checkEngine(engine: Engine, ctx: DoctorContext, o: CallOptions): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const version = await attempt(() => engineVersion(engine, o), o)
  if (version.value === undefined) return [fail('engine', version.error ?? 'it does not answer')]
  const api = Number(/^1\.(\d+)$/.exec(version.value.ApiVersion ?? '')?.[1] ?? 0)
  const text = `Docker ${version.value.Version}, API ${version.value.ApiVersion ?? 'unknown'}`
  findings.push(
    api >= oldestApi ? ok('engine', text) : warn('engine', `${text}: nobody looks after this line any more`),
  )
  const info = await attempt(() => engineInfo(engine, o), o)
  const systemTime: unknown = info.value === undefined ? undefined : Reflect.get(info.value, 'SystemTime')
  const timeMs = typeof systemTime === 'string' ? Date.parse(systemTime) : Number.NaN
  if (Number.isNaN(timeMs)) findings.push(warn('clock', 'the engine does not say what time it is'))
  else findings.push(describeSkew(Math.abs(ctx.clock.nowMs() - timeMs)))
  const containers = await attempt(() => listContainers(engine, {}, o), o)
  const open = (containers.value ?? []).flatMap((container) =>
    (container.Ports ?? []).flatMap((port) =>
      port.PublicPort !== undefined && ['0.0.0.0', '::', ''].includes(port.IP ?? '')
        ? [`${port.PublicPort}/${port.Type ?? 'tcp'}`]
        : [],
    ),
  )
  const ports = [...new Set(open)]
  findings.push(
    ports.length === 0
      ? ok('ports', 'no container is open to all networks')
      : warn('ports', `open to all networks: ${ports.join(', ')}`),
  )
  return findings
}

function describeSkew(skewMs: number): Finding {
  const text = `${Math.round(skewMs / 1000)} s apart from this computer`
  if (skewMs >= skewFailMs) return fail('clock', text)
  return skewMs >= skewWarnMs ? warn('clock', text) : ok('clock', text)
}

/** An engine that answers in the clear makes everyone who reaches it root. */
async function checkExposure(url: string, ctx: DoctorContext, o: CallOptions): Promise<readonly Finding[]> {
  if (/^(?:unix|ssh|npipe):/.test(url)) return []
  const parsed = await attempt(async () => parseTcpUrl(url), o)
  if (parsed.value === undefined) return [fail('engine', parsed.error ?? url)]
  const { host, port } = parsed.value
  const places = [...new Set([port, plainPort])]
  for (const each of places) {
    const engine = openEngine(parseEndpoint(`http://${host.includes(':') ? `[${host}]` : host}:${each}`), {
      clock: ctx.clock,
      userAgent: `flotilla/${programVersion}`,
    })
    try {
      const answer = await attempt(() => engineVersion(engine, { ...o, deadlineMs: probeMs }), o)
      if (answer.value !== undefined)
        return [fail('exposure', `port ${each} answers without TLS: whoever reaches it is root there`)]
    } finally {
      await engine.close()
    }
  }
  return [ok('exposure', 'no port answers without a certificate')]
}

async function checkDisk(engine: Engine, ctx: DoctorContext, o: CallOptions): Promise<readonly Finding[]> {
  const info = await attempt(() => engineInfo(engine, o), o)
  const root: unknown = info.value === undefined ? undefined : Reflect.get(info.value, 'DockerRootDir')
  const folder = typeof root === 'string' && /^[\w./-]+$/.test(root) ? root : '/var/lib/docker'
  const output = await ctx.runShell(['df', '-Pk', folder])
  const percent = Number(/(\d+)%\s+\S+\s*$/m.exec(output ?? '')?.[1] ?? Number.NaN)
  if (Number.isNaN(percent)) return [warn('disk', `${folder}: cannot be looked at`)]
  const text = `${percent} % of ${folder} in use`
  if (percent >= diskFailPercent) return [fail('disk', text)]
  return [percent >= diskWarnPercent ? warn('disk', text) : ok('disk', text)]
}

async function attempt<T>(
  body: () => Promise<T>,
  o: CallOptions,
): Promise<{ readonly value?: T; readonly error?: string }> {
  try {
    return { value: await body() }
  } catch (error) {
    if (o.signal?.aborted === true) throw error
    return {
      error: toMessage(error)
        .trim()
        .replaceAll(/\s*\n\s*/g, ' '),
    }
  }
}

function ok(check: string, detail: string): Finding {
  return { check, severity: 'ok', detail }
}

function warn(check: string, detail: string): Finding {
  return { check, severity: 'warn', detail }
}

function fail(check: string, detail: string): Finding {
  return { check, severity: 'fail', detail }
}

/** The gravest of several. */
export function worst(findings: readonly Finding[]): Severity {
  if (findings.some(({ severity }) => severity === 'fail')) return 'fail'
  return findings.some(({ severity }) => severity === 'warn') ? 'warn' : 'ok'
}
