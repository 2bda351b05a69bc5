import { Buffer } from 'node:buffer'
import { programCommit } from '../../../core/program.ts'
import { renderInfoRows, sumInfo } from '../../info.ts'
import type { Member } from '../../member.ts'
import type { NodeView } from '../../model.ts'
import { decodeVolume } from '../../watch/decode.ts'
import { isFields, readFields, readList, readNumber } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { anyHealthy, forward } from '../call.ts'
import type { Api, Call, Handler } from '../call.ts'
import { nameVolumes } from '../names.ts'

/** What classic Swarm's last release called itself; scripts look at it. */
const swarmVersion = '1.2.9'
const askMs = 10_000

/** Answered here, from bytes rendered beforehand. */
export const ping: Handler = (api, call) => {
  const { apiVersion } = api.cluster
  const { exchange } = call
  // The usual client, nothing special: one write of ready bytes.
  const isUsual = exchange.head.method === 'GET' && exchange.head.isKeepAlive && !exchange.hasExtraHeaders
  if (isUsual && exchange.connection.mayKeepAlive) {
    exchange.replyRendered(readyPing(apiVersion, api.settings.isExperimental))
    return
  }
  exchange.reply(200, pingHeaders(apiVersion, api.settings.isExperimental), 'OK')
}

let ready: { readonly key: string; readonly bytes: Buffer } | undefined

function readyPing(apiVersion: string, isExperimental: boolean): Buffer {
  const key = `${apiVersion} ${isExperimental}`
  if (ready?.key !== key) {
    const headers = pingHeaders(apiVersion, isExperimental)
    let text = 'HTTP/1.1 200 OK\r\n'
    for (let at = 0; at + 1 < headers.length; at += 2) text += `${headers[at]}: ${headers[at + 1]}\r\n`
    ready = { key, bytes: Buffer.from(`${text}Content-Length: 2\r\n\r\nOK`) }
  }
  return ready.bytes
}

function pingHeaders(apiVersion: string, isExperimental: boolean): readonly string[] {
  return [
    'Api-Version',
    apiVersion,
    'Builder-Version',
    '1',
    'Cache-Control',
    'no-cache, no-store, must-revalidate',
    'Content-Type',
    'text/plain; charset=utf-8',
    'Docker-Experimental',
    String(isExperimental),
    'Ostype',
    'linux',
    'Pragma',
    'no-cache',
    'Server',
    `swarm/${swarmVersion}`,
    'Swarm',
    'inactive',
  ]
}

export const version: Handler = (api, call) => {
  const { settings, cluster } = api
  const details = {
    ApiVersion: cluster.apiVersion,
    Arch: goArch(),
    BuildTime: '',
    Experimental: String(settings.isExperimental),
    GitCommit: settings.commit,
    GoVersion: '',
    KernelVersion: settings.kernelVersion,
    MinAPIVersion: '1.24',
    Os: 'linux',
  }
  reply(api, call, {
    Platform: { Name: 'Docker Swarm - Community' },
    Components: [{ Name: 'Engine', Version: `swarm/${swarmVersion}`, Details: details }],
    Version: `swarm/${swarmVersion}`,
    ApiVersion: cluster.apiVersion,
    MinAPIVersion: '1.24',
    GitCommit: settings.commit,
    GoVersion: '',
    Os: 'linux',
    Arch: goArch(),
    KernelVersion: settings.kernelVersion,
    Experimental: settings.isExperimental,
  })
}

function goArch(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch
}

export const info: Handler = async (api, call) => {
  await api.cluster.settled()
  const { cluster, settings } = api
  const snapshot = cluster.snapshot()
  const sums = sumInfo(snapshot)
  const { containers } = sums
  const { env } = settings
  reply(api, call, {
    ID: '',
    Containers: containers.all,
    ContainersRunning: containers.running,
    ContainersPaused: containers.paused,
    ContainersStopped: containers.stopped,
    Images: sums.images,
    Driver: '',
    DriverStatus: null,
    SystemStatus: renderInfoRows(snapshot, { policy: cluster.policy }),
    Plugins: { Volume: [], Network: [], Authorization: null, Log: [] },
    MemoryLimit: true,
    SwapLimit: true,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    IPv4Forwarding: true,
    BridgeNfIptables: true,
    BridgeNfIp6tables: true,
    OomKillDisable: true,
    Debug: settings.isDebug,
    NFd: 0,
    NGoroutines: 0,
    SystemTime: new Date(cluster.clock.nowMs()).toISOString(),
    LoggingDriver: '',
    CgroupDriver: '',
    NEventsListener: cluster.events.size,
    KernelVersion: settings.kernelVersion,
    OperatingSystem: 'linux',
    OSType: 'linux',
    Architecture: goArch(),
    IndexServerAddress: '',
    RegistryConfig: null,
    NCPU: sums.cpus,
    MemTotal: sums.memoryBytes,
    GenericResources: null,
    DockerRootDir: '',
    HttpProxy: env['http_proxy'] ?? env['HTTP_PROXY'] ?? '',
    HttpsProxy: env['https_proxy'] ?? env['HTTPS_PROXY'] ?? '',
    NoProxy: env['no_proxy'] ?? env['NO_PROXY'] ?? '',
    Name: settings.hostName,
    Labels: null,
    ExperimentalBuild: settings.isExperimental,
    ServerVersion: `swarm/${swarmVersion}`,
    Runtimes: null,
    DefaultRuntime: '',
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    LiveRestoreEnabled: false,
    Isolation: '',
    InitBinary: '',
    ContainerdCommit: { ID: '' },
    RuncCommit: { ID: '' },
    InitCommit: { ID: '' },
    SecurityOptions: null,
    Warnings: null,
    Flotilla: { Commit: programCommit() },
  })
}

/** Registry questions: any engine that answers can put them. */
export const anyEngine: Handler = (api, call) => {
  forward(api, call, anyHealthy(api), {})
}

/** Disk use of all nodes; an engine that does not answer in time is left out and named in the log. */
export const diskUsage: Handler = async (api, call) => {
  const path = `/system/df${call.query === '' ? '' : `?${call.query}`}`
  const parts = await Promise.all(
    api.cluster.healthyMembers().map(async (member) => {
      try {
        const version = member.versionFor(call.version ?? api.cluster.apiVersion)
        const request = { method: 'GET', path: `${version}${path}`, unversioned: true } as const
        const value = await (await member.engine.request(request, { deadlineMs: askMs })).json<unknown>()
        return isFields(value) ? { member, value } : undefined
      } catch {
        api.cluster.log.warn('no disk usage from an engine', { node: member.name })
        return undefined
      }
    }),
  )
  const known = parts.filter((part) => part !== undefined)
  const joined = (key: string): readonly unknown[] => known.flatMap((part) => readList(part.value, key))
  const rows = known.flatMap(({ member, value }) =>
    readList(value, 'Containers')
      .filter(isFields)
      .map((row) => nameRow(row, member.view.name)),
  )
  const rename = nameVolumes(api.cluster.snapshot())
  reply(api, call, {
    LayersSize: known.reduce((sum, part) => sum + readNumber(part.value, 'LayersSize'), 0),
    Images: joined('Images'),
    Containers: rows,
    Volumes: joinVolumes(known, (node, row) => rename(node, decodeVolume(row))),
    BuildCache: joined('BuildCache'),
    BuilderSize: known.reduce((sum, part) => sum + readNumber(part.value, 'BuilderSize'), 0),
  })
}

/** Copies of one volume are one row, with what they use together. */
function joinVolumes(
  parts: readonly { readonly member: Member; readonly value: Fields }[],
  rename: (node: NodeView, row: Fields) => string,
): readonly Fields[] {
  const rows = new Map<string, Fields>()
  for (const { member, value } of parts) {
    for (const row of readList(value, 'Volumes').filter(isFields)) {
      const name = rename(member.view, row)
      rows.set(name, { ...row, Name: name, UsageData: addUsage(rows.get(name), row) })
    }
  }
  return [...rows.values()]
}

/** Engines say -1 for what they did not look at. */
function addUsage(before: Fields | undefined, row: Fields): Fields {
  const usage = readFields(row, 'UsageData')
  if (before === undefined) return usage
  const known = readFields(before, 'UsageData')
  const add = (key: string): number => {
    const values = [readNumber(known, key), readNumber(usage, key)].filter((value) => value >= 0)
    return values.length === 0 ? -1 : values.reduce((sum, value) => sum + value, 0)
  }
  return { Size: add('Size'), RefCount: add('RefCount') }
}

function nameRow(row: Fields, node: string): Fields {
  const names = readList(row, 'Names').map((name) => (typeof name === 'string' ? `/${node}${name}` : name))
  return { ...row, Names: names }
}

/** What `docker … prune` asks for, on every node; lists joined, sizes summed. */
export function prune(kind: 'containers' | 'images' | 'networks' | 'volumes' | 'build'): Handler {
  return async (api, call) => {
    const joined: Record<string, unknown> = {}
    let reclaimed = 0
    const members = api.cluster.healthyMembers()
    const answers = await Promise.all(
      members.map(async (member) => {
        const version = member.versionFor(call.version ?? api.cluster.apiVersion)
        const path = `${version}/${kind}/prune${call.query === '' ? '' : `?${call.query}`}`
        const reply = await member.engine.request({ method: 'POST', path, unversioned: true }, { deadlineMs: 300_000 })
        return reply.json<unknown>()
      }),
    )
    for (const answer of answers) {
      if (!isFields(answer)) continue
      for (const [key, value] of Object.entries(answer)) {
        // A volume that several nodes had is named once.
        if (Array.isArray(value))
          joined[key] = [...new Set([...((joined[key] as unknown[] | undefined) ?? []), ...value])]
        else if (key === 'SpaceReclaimed') reclaimed += readNumber(answer, key)
        else joined[key] ??= value
      }
    }
    const list = kind === 'build' ? 'images' : kind
    for (const member of members) void api.cluster.changed(member, { what: list })
    await api.cluster.settled()
    reply(api, call, kind === 'networks' ? joined : { ...joined, SpaceReclaimed: reclaimed })
  }
}

/** Routes of native swarm mode: the endpoint is no manager of one, and says so as an engine would. */
export const notSwarmManager: Handler = (_api, call) => {
  call.exchange.replyError(
    503,
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  )
}

/** No plug-ins of its own: an empty list. */
export const plugins: Handler = (api, call) => {
  reply(api, call, [])
}

function reply(api: Api, call: Call, value: unknown): void {
  call.exchange.replyJson(200, value, ['Api-Version', api.cluster.apiVersion])
}
