import { Buffer } from 'node:buffer'
import { programCommit } from '../../../core/program.ts'
import { joinAbilities } from '../../abilities.ts'
import { sumInfo, writeInfoTable } from '../../info.ts'
import type { InfoOptions } from '../../info.ts'
import { compareApiVersions } from '../../../engine/version.ts'
import type { Member } from '../../member.ts'
import { isValidated } from '../../model.ts'
import type { NodeView } from '../../model.ts'
import { decodeVolume } from '../../watch/decode-lists.ts'
import { isFields, readFields, readList, readNumber } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { minimumTold, versionToTell } from '../bridge/negotiate.ts'
import { checkUsageTypes, listVersion, partVersion, toUsage, usageVersion } from '../disk-usage.ts'
import { headerOf, renderHeaders } from '../http1/head.ts'
import { anyHealthy, forward, isTrue, paramsOf } from '../call.ts'
import type { Api, Call, Handler } from '../call.ts'
import { toAscii } from '../../ascii.ts'
import { ListWriter } from '../list-writer.ts'
import { nameVolumes } from '../names.ts'
import { describeSwarm, findManager } from './native-swarm.ts'

/** What classic Swarm's last release called itself; scripts look at it. */
const swarmVersion = '1.2.9'

/** Answered here, from bytes rendered beforehand. */
export const ping: Handler = (api, call) => {
  const facts = pingFacts(api, call)
  const { exchange } = call
  // The usual client, nothing special: one write of ready bytes.
  const isUsual = exchange.head.method === 'GET' && exchange.head.isKeepAlive && !exchange.hasExtraHeaders
  if (isUsual && exchange.connection.mayKeepAlive) {
    exchange.replyRendered(readyPing(facts))
    return
  }
  exchange.reply(200, pingHeaders(facts), 'OK')
}

interface PingFacts {
  readonly apiVersion: string
  readonly isExperimental: boolean
  readonly swarm: 'inactive' | 'active/manager'
}

function pingFacts(api: Api, call: Call): PingFacts {
  const apiVersion = versionToTell(api.cluster.apiVersion, headerOf(call.exchange.head, 'user-agent'))
  const swarm = findManager(api) === undefined ? 'inactive' : 'active/manager'
  return { apiVersion, isExperimental: api.settings.isExperimental, swarm }
}

let ready: { readonly key: string; readonly bytes: Buffer } | undefined

function readyPing(facts: PingFacts): Buffer {
  const key = `${facts.apiVersion} ${facts.isExperimental} ${facts.swarm}`
  if (ready?.key !== key) {
    const lines = renderHeaders(pingHeaders(facts))
    ready = { key, bytes: Buffer.from(`HTTP/1.1 200 OK\r\n${lines}Content-Length: 2\r\n\r\nOK`) }
  }
  return ready.bytes
}

function pingHeaders({ apiVersion, isExperimental, swarm }: PingFacts): readonly string[] {
  return [
    'Api-Version',
    apiVersion,
    'Builder-Version',
    // Engines say BuildKit from 23.0 (1.42) on; on older ones it is there for those who ask for it.
    compareApiVersions(apiVersion, '1.42') < 0 ? '1' : '2',
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
    swarm,
  ]
}

export const version: Handler = (api, call) => {
  const { settings, cluster } = api
  const apiVersion = versionToTell(cluster.apiVersion, headerOf(call.exchange.head, 'user-agent'))
  const details = {
    ApiVersion: apiVersion,
    Arch: goArch(),
    BuildTime: '',
    Experimental: String(settings.isExperimental),
    GitCommit: settings.commit,
    GoVersion: '',
    KernelVersion: settings.kernelVersion,
    MinAPIVersion: minimumTold,
    Os: 'linux',
  }
  reply(api, call, {
    Platform: { Name: 'Docker Swarm - Community' },
    Components: [{ Name: 'Engine', Version: `swarm/${swarmVersion}`, Details: details }],
    Version: `swarm/${swarmVersion}`,
    ApiVersion: apiVersion,
    MinAPIVersion: minimumTold,
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
  const abilities = joinAbilities(snapshot.nodes.map((node) => node.abilities))
  const { env } = settings
  const text = JSON.stringify({
    ID: '',
    Containers: containers.all,
    ContainersRunning: containers.running,
    ContainersPaused: containers.paused,
    ContainersStopped: containers.stopped,
    Images: sums.images,
    Driver: '',
    DriverStatus: null,
    SystemStatus: tableMark,
    Plugins: abilities.drivers,
    ...abilities.flags,
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
    Swarm: await describeSwarm(api),
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
  // The table of a large fleet is text already: it is written from there.
  const mark = `"${tableMark}"`
  const at = text.indexOf(mark)
  const { exchange } = call
  exchange.startStream(200, ['Content-Type', 'application/json', 'Api-Version', cluster.apiVersion])
  const writer = new ListWriter(exchange)
  writer.write(toAscii(text.slice(0, at)))
  writeInfoTable(writer, snapshot, infoOptions(api))
  writer.write(`${toAscii(text.slice(at + mark.length))}\n`)
  writer.end()
}

/** Stands where the table goes; everything before it in the reply is ours. */
const tableMark = 'the table of nodes'

/** A replica that knows no primary says so with an empty address. */
function infoOptions(api: Api): InfoOptions {
  const { kind, primary } = api.role
  const { policy } = api.cluster
  return kind === 'replica' ? { policy, primary: primary ?? '' } : { policy }
}

/** Registry questions: any engine that answers can put them. */
export const anyEngine: Handler = (api, call) => {
  forward(api, call, anyHealthy(api), {})
}

/** Disk use of all nodes; an engine that does not answer in time is left out, and named in a warning and in the log. */
export const diskUsage: Handler = async (api, call) => {
  const asked = call.version ?? api.cluster.apiVersion
  // Sums of several engines are made here, of the lists that engines of any version give.
  const isSummed = compareApiVersions(asked, usageVersion) >= 0
  const params = paramsOf(call)
  const how = { types: params.getAll('type'), isVerbose: isTrue(params.get('verbose')) }
  if (compareApiVersions(asked, partVersion) >= 0) checkUsageTypes(how.types)
  const path = `/system/df${call.query === '' ? '' : `?${call.query}`}`
  const parts = await Promise.all(
    api.cluster.healthyMembers().map(async (member) => {
      try {
        const version = member.versionFor(isSummed ? listVersion : asked)
        const request = { method: 'GET', path: `${version}${path}`, unversioned: true } as const
        const limit = { deadlineMs: api.limits.gatherSeconds * 1000 }
        const value = await (await member.engine.request(request, limit)).json<unknown>()
        return isFields(value) ? { member, value: api.narrowUsage?.(member, value) ?? value } : undefined
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
  const lists = {
    LayersSize: known.reduce((sum, part) => sum + readNumber(part.value, 'LayersSize'), 0),
    Images: joined('Images'),
    Containers: rows,
    Volumes: joinVolumes(known, (node, row) => rename(node, decodeVolume(row))),
    BuildCache: joined('BuildCache'),
    BuilderSize: known.reduce((sum, part) => sum + readNumber(part.value, 'BuilderSize'), 0),
  }
  // Those out of service as well: what is on their disks is not counted either.
  const told = new Set(known.map(({ member }) => member.addr))
  const missing = api.cluster
    .snapshot()
    .nodes.filter((node) => isValidated(node) && !told.has(node.addr))
    .map((node) => node.name)
  const warning = missing.length === 0 ? [] : ['Warning', `199 - "no disk usage from ${missing.join(', ')}"`]
  const headers = ['Api-Version', api.cluster.apiVersion, ...warning]
  call.exchange.replyJson(200, isSummed ? toUsage(lists, how) : lists, headers)
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

function reply(api: Api, call: Call, value: unknown): void {
  call.exchange.replyJson(200, value, ['Api-Version', api.cluster.apiVersion])
}
