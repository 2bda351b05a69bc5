import { createHash } from 'node:crypto'
import { createReadStream, promises as fs } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import type { Pack } from 'tar-stream'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, toError, toMessage } from '../../core/errors.ts'
import { programVersion } from '../../core/program.ts'
import { execChecked } from '../../io/exec.ts'
import { pathExists } from '../../io/files.ts'
import { ownProgram } from '../../io/own-program.ts'

/**
 * This very program as a container image, so that a manager and agents run on machines that reach no registry. It holds the
 * program, what it is linked with and the certificates of public authorities, all of this computer.
 */
export interface OwnImage {
  /** Follows from the program's bytes. */
  readonly reference: { readonly repo: string; readonly tag: string }
  /** Changes of `POST /images/create`. */
  readonly changes: readonly string[]
  /** Architecture as engines name it in /info: `x86_64`. */
  readonly machine: string
  /** A tar of the root file system. May be asked for again. */
  open(): Readable
}

interface Part {
  readonly path: string
  readonly source: string
  readonly mode: number
}

const machines: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' }
const texts: Readonly<Record<string, string>> = {
  'etc/passwd': 'root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n',
  'etc/group': 'root:x:0:\nnobody:x:65534:\n',
  'etc/nsswitch.conf': 'hosts: files dns\n',
}
const authorities = '/etc/ssl/certs/ca-certificates.crt'

/** @throws {platform/missing} where this program cannot run in a Linux container */
export async function findOwnImage(clock: Clock): Promise<OwnImage> {
  const machine = machines[process.arch]
  if (process.platform !== 'linux' || machine === undefined)
    throw cannot('this program is not built for Linux containers')
  const [program, script] = ownProgram()
  const isExecutable = script === undefined
  const parts: Part[] = [{ path: isExecutable ? 'usr/bin/flotilla' : 'usr/bin/node', source: program, mode: 0o755 }]
  if (script !== undefined) parts.push(...(await listScripts(script)))
  parts.push(...(await listLibraries(program, clock)))
  if (await pathExists(authorities)) parts.push({ path: authorities.slice(1), source: authorities, mode: 0o644 })
  const entry = isExecutable ? ['/swarm'] : ['/usr/bin/node', '/opt/flotilla/bin/swarm.cjs']
  return {
    reference: { repo: 'flotilla/swarm', tag: `${programVersion}-${await hashParts(parts)}` },
    changes: [
      `ENTRYPOINT ${JSON.stringify(entry)}`,
      'ENV HOME=/',
      'ENV PATH=/usr/bin',
      'ENV SWARM_HOST=:2375',
      'EXPOSE 2375',
    ],
    machine,
    open: () => openArchive(parts),
  }
}

function cannot(reason: string, cause?: unknown): FlotillaError {
  return new FlotillaError('platform/missing', `cannot make the image of the swarm containers: ${reason}`, {
    cause,
    hint: 'name one that the machines can pull with --swarm-image; "npm run build:image" makes it',
  })
}

/** The bundled programs lie in one folder, what they share beside it. */
async function listScripts(script: string): Promise<readonly Part[]> {
  const bin = dirname(await fs.realpath(script))
  const dist = dirname(bin)
  if (basename(bin) !== 'bin' || !(await pathExists(join(bin, 'swarm.cjs')))) {
    throw cannot(`${script} is no built program`)
  }
  const parts: Part[] = []
  for (const folder of ['bin', 'chunks']) {
    const names = await fs.readdir(join(dist, folder)).catch(() => [])
    for (const name of names.filter((each) => each.endsWith('.cjs')).sort()) {
      parts.push({ path: `opt/flotilla/${folder}/${name}`, source: join(dist, folder, name), mode: 0o644 })
    }
  }
  return parts
}

/** What the loader would load, the loader itself included, and the name look-up that older C libraries load later. */
async function listLibraries(program: string, clock: Clock): Promise<readonly Part[]> {
  let listed: string
  try {
    listed = await execChecked(['ldd', program], { clock, env: { PATH: process.env['PATH'], LC_ALL: 'C' } })
  } catch (error) {
    throw cannot(`ldd ${program}: ${toMessage(error)}`, error)
  }
  const missing = /^\s*(\S+) => not found/m.exec(listed)
  if (missing !== null) throw cannot(`${program} needs ${missing[1] ?? ''}, which is not here`)
  const found = [...listed.matchAll(/(?:=>|^)\s*(\/\S+) \(0x/gm)].map((match) => match[1] ?? '')
  const folder = dirname(found.find((path) => path.includes('/libc.so')) ?? '/lib/none')
  for (const name of ['libnss_files.so.2', 'libnss_dns.so.2']) {
    if (await pathExists(join(folder, name))) found.push(join(folder, name))
  }
  return [...new Set(found)].map((path) => ({ path: path.slice(1), source: path, mode: 0o755 }))
}

async function hashParts(parts: readonly Part[]): Promise<string> {
  const hash = createHash('sha256')
  for (const { path, source } of parts) {
    hash.update(`${path}\0`)
    await pipeline(createReadStream(source), async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) hash.update(chunk)
    })
  }
  return hash.digest('hex').slice(0, 12)
}

function openArchive(parts: readonly Part[]): Readable {
  const archive = pack()
  fillArchive(archive, parts).catch((error: unknown) => archive.destroy(toError(error)))
  return Readable.from(archive)
}

const owner = { mtime: new Date(0), uid: 0, gid: 0, uname: 'root', gname: 'root' }

async function fillArchive(archive: Pack, parts: readonly Part[]): Promise<void> {
  archive.entry({ ...owner, name: 'tmp', type: 'directory', mode: 0o1777 })
  archive.entry({ ...owner, name: '.swarm', type: 'directory', mode: 0o700 })
  for (const [name, text] of Object.entries(texts)) archive.entry({ ...owner, name, mode: 0o644 }, text)
  archive.entry({ ...owner, name: 'swarm', type: 'symlink', linkname: 'usr/bin/flotilla', mode: 0o777 })
  for (const { path, source, mode } of parts) {
    const { size } = await fs.stat(source)
    await pipeline(createReadStream(source), archive.entry({ ...owner, name: path, mode, size }))
  }
  archive.finalize()
}
