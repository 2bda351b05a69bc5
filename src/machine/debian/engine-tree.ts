import { createHash } from 'node:crypto'
import { promises as fs } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, isAbsolute, join } from 'node:path'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { execProgram } from '../../io/exec.ts'
import { makeFolder, pathExists } from '../../io/files.ts'
import { withLock } from '../../io/lock.ts'
import { systemEnv } from '../../io/system-env.ts'
import { findMirror } from './apt-mirror.ts'
import { mmdebstrapWords } from './mmdebstrap.ts'

/** Where engines of other versions come from: a Debian release, unpacked whole. */
interface EngineLine {
  /** First two numbers of the engine's version. */
  readonly version: string
  readonly suite: string
}

/** Debian's docker.io per release. A release that moves on brings a newer engine, which is then what is used. */
const engineLines: readonly EngineLine[] = [
  { version: '20.10', suite: 'bookworm' },
  { version: '26.1', suite: 'trixie' },
  { version: '28.5', suite: 'sid' },
]

const basePackages: readonly string[] = [
  'docker.io',
  'containerd',
  'runc',
  'iptables',
  'iproute2',
  'ca-certificates',
  'procps',
  'tini',
  'busybox',
  'mount',
  'kmod',
  'curl',
  'openssh-server',
]
/** From trixie on the client is a package of its own. */
const suitesWithoutCli: readonly string[] = ['bullseye', 'bookworm', 'oldstable']
const systemdPackages: readonly string[] = ['systemd-sysv', 'dbus', 'sudo']

const buildLimitMs = 20 * 60_000

export interface EngineTreeOptions {
  readonly clock: Clock
  readonly log: Log
  readonly env: Readonly<Record<string, string | undefined>>
  /** Add what boots systemd as process 1. */
  readonly hasSystemd?: boolean
}

/** What can be made again is kept here: `$FLOTILLA_CACHE`, else a folder of the user's cache directory. */
export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  const own = env['FLOTILLA_CACHE']
  if (own !== undefined && own !== '') return own
  const shared = env['XDG_CACHE_HOME']
  return join(shared !== undefined && shared !== '' ? shared : join(env['HOME'] ?? homedir(), '.cache'), 'flotilla')
}

/** Pure: the packages of a tree. */
export function treePackages(suite: string, hasSystemd: boolean): readonly string[] {
  return [
    ...basePackages,
    ...(suitesWithoutCli.includes(suite) ? [] : ['docker-cli']),
    ...(hasSystemd ? systemdPackages : []),
  ]
}

/**
 * Finds the root tree that an engine wish means, and builds it where it is not there yet: `host` or `/` is the
 * machine itself, an absolute path is taken as it is, a version (`28.5`) or a Debian release (`sid`) is a cached tree.
 * The version the machine's own engine has needs no tree. With systemd the machine's place is taken by Debian 12.
 *
 * @throws {machine/driver} when there is no such tree, or building it fails
 * @throws {platform/missing} when this machine cannot build trees
 */
export async function resolveEngineRoot(wish: string, o: EngineTreeOptions & CallOptions): Promise<string> {
  // This machine's own root is not one to boot a second systemd from.
  if (wish === '' || wish === 'host' || wish === '/') return o.hasSystemd === true ? ensureTree('bookworm', o) : '/'
  if (isAbsolute(wish)) return checkTree(wish)
  const line = engineLines.find((entry) => entry.version === wish || wish.startsWith(`${entry.version}.`))
  if (line !== undefined && o.hasSystemd !== true && (await readMachineEngine(o))?.startsWith(`${line.version}.`))
    return '/'
  const suite = line?.suite ?? wish
  if (!/^[a-z]+$/.test(suite)) {
    const known = engineLines.map((entry) => entry.version).join(', ')
    throw new FlotillaError('machine/driver', `there is no engine ${JSON.stringify(wish)}`, {
      hint: `give one of the versions ${known}, the name of a Debian release, or the directory of a root tree`,
    })
  }
  return ensureTree(suite, o)
}

async function checkTree(path: string): Promise<string> {
  for (const program of ['usr/sbin/dockerd', 'usr/bin/dockerd', 'usr/local/bin/dockerd']) {
    if (await pathExists(join(path, program))) return path
  }
  throw new FlotillaError('machine/driver', `cannot use engine root ${JSON.stringify(path)}: there is no dockerd in it`)
}

/** The version of the machine's own dockerd, `20.10.24+dfsg1`; `undefined` when it has none. */
async function readMachineEngine(o: { readonly clock: Clock } & CallOptions): Promise<string | undefined> {
  const result = await execProgram(['sh', '-c', 'dockerd --version'], { ...o, env: systemEnv() })
  return result.code === 0 ? /version ([^\s,]+)/.exec(result.stdout)?.[1] : undefined
}

async function ensureTree(suite: string, o: EngineTreeOptions & CallOptions): Promise<string> {
  const packages = treePackages(suite, o.hasSystemd === true)
  const recipe = createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 8)
  const folder = join(cacheFolder(o.env), 'engine-trees')
  const tree = join(folder, `${suite}-${process.arch}-${recipe}`)
  if (await pathExists(tree)) return tree
  await makeFolder(folder, 0o755)
  const lock = { clock: o.clock, waitMs: buildLimitMs, subject: `engine tree ${JSON.stringify(suite)}` }
  return withLock(`${tree}.lock`, o.signal === undefined ? lock : { ...lock, signal: o.signal }, async () => {
    if (!(await pathExists(tree))) await buildTree(suite, packages, tree, o)
    return tree
  })
}

const unfinishedMark = '.building-'

/**
 * Removes what builders that were killed have left. The caller holds the lock.
 */
export async function removeUnfinished(tree: string): Promise<void> {
  for (const name of await fs.readdir(dirname(tree))) {
    if (!name.startsWith(`${basename(tree)}${unfinishedMark}`)) continue
    await fs.rm(join(dirname(tree), name), { recursive: true, force: true }).catch(() => undefined)
  }
}

/** Builds beside the place and renames, so that a tree is whole or not there. */
async function buildTree(
  suite: string,
  packages: readonly string[],
  tree: string,
  o: EngineTreeOptions & CallOptions,
): Promise<void> {
  const mirror = await findMirror(o.env)
  o.log.info(`building a tree of Debian ${suite} for its engine, once (about 420 MB)...`)
  await removeUnfinished(tree)
  const building = await fs.mkdtemp(`${tree}${unfinishedMark}`)
  await fs.chmod(building, 0o755)
  const result = await execProgram(await mmdebstrapWords(suite, packages, building, mirror, o.clock), {
    deadlineMs: buildLimitMs,
    ...o,
    env: systemEnv(),
  })
  if (result.code !== 0) {
    await fs.rm(building, { recursive: true, force: true })
    const said = result.stderr.trim().split('\n').slice(-5).join('\n')
    throw new FlotillaError('machine/driver', `cannot build a tree of Debian ${suite} from ${mirror}: ${said}`)
  }
  await fs.rename(building, tree)
}
