import { createHash } from 'node:crypto'
import { promises as fs } from 'node:fs'
import { dirname, join } from 'node:path'
import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { FlotillaError } from '../../../core/errors.ts'
import type { Log } from '../../../core/log.ts'
import { execProgram } from '../../../io/exec.ts'
import type { ProgramWords } from '../../../io/exec.ts'
import { makeFolder, pathExists } from '../../../io/files.ts'
import { withLock } from '../../../io/lock.ts'
import { systemEnv } from '../../../io/system-env.ts'
import { findMirror } from '../../debian/apt-mirror.ts'
import { cacheFolder, removeUnfinished } from '../../debian/engine-tree.ts'
import { mmdebstrapWords } from '../../debian/mmdebstrap.ts'
import { guestFiles, guestLinks, guestPackages, guestSecrets } from './guest-files.ts'

/** The release of the system in machines whose image is built here. */
const suite = 'bookworm'
const buildLimitMs = 30 * 60_000

/** Node's name of an architecture → the one in Debian's names of kernels for virtual machines. */
const kernels: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** A disk that boots with the kernel beside it: it holds a file system, no partitions and no boot loader. */
export interface BaseImage {
  readonly disk: string
  readonly kernel: string
  readonly initrd: string
}

export interface BaseImageOptions extends CallOptions {
  readonly clock: Clock
  readonly log: Log
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Where the image is, or would be once it is built. */
export function baseImagePath(env: Readonly<Record<string, string | undefined>>): string {
  const recipe = createHash('sha256')
    .update(JSON.stringify([guestPackages, guestFiles, guestLinks]))
    .digest('hex')
    .slice(0, 8)
  return join(cacheFolder(env), 'vm-images', `${suite}-${process.arch}-${recipe}`)
}

/**
 * The image that machines grow from, built from Debian packages once per computer: several minutes, 700 MB.
 *
 * @throws {machine/driver} when building it fails
 */
export async function ensureBaseImage(o: BaseImageOptions): Promise<BaseImage> {
  const folder = baseImagePath(o.env)
  if (!(await pathExists(folder))) {
    await makeFolder(dirname(folder), 0o755)
    const lock = { clock: o.clock, waitMs: buildLimitMs, subject: 'the image of virtual machines' }
    await withLock(`${folder}.lock`, o.signal === undefined ? lock : { ...lock, signal: o.signal }, async () => {
      if (!(await pathExists(folder))) await build(folder, o)
    })
  }
  return { disk: join(folder, 'disk.qcow2'), kernel: join(folder, 'vmlinuz'), initrd: join(folder, 'initrd') }
}

/** Builds beside the place and renames, so that an image is whole or not there. */
async function build(folder: string, o: BaseImageOptions): Promise<void> {
  const architecture = kernels[process.arch]
  if (architecture === undefined) {
    throw new FlotillaError('machine/driver', `no image can be built for the architecture ${process.arch}`, {
      hint: 'give one with --qemu-image',
    })
  }
  o.log.info(`Building the image of virtual machines from Debian ${suite}, once (some minutes, about 700 MB)...`)
  await removeUnfinished(folder)
  const building = await fs.mkdtemp(`${folder}.building-`)
  const [tree, raw] = [join(building, 'tree'), join(building, 'root.img')]
  try {
    const packages = [`linux-image-cloud-${architecture}`, ...guestPackages]
    await run('the tree', await mmdebstrapWords(suite, packages, tree, await findMirror(o.env), o.clock), o)
    await finishTree(tree)
    await takeKernel(tree, building)
    await run('the file system', ['mke2fs', '-q', '-t', 'ext4', '-L', 'root', '-d', tree, raw, '1800M'], o)
    await run('the disk', ['qemu-img', 'convert', '-O', 'qcow2', raw, join(building, 'disk.qcow2')], o)
    await fs.rm(tree, { recursive: true, force: true })
    await fs.rm(raw)
    await fs.rename(building, folder)
  } catch (error) {
    await fs.rm(building, { recursive: true, force: true })
    throw error
  }
}

async function finishTree(tree: string): Promise<void> {
  for (const file of guestFiles) {
    const path = join(tree, file.path)
    await fs.mkdir(dirname(path), { recursive: true, mode: 0o755 })
    await fs.rm(path, { force: true })
    await fs.writeFile(path, file.content, { mode: file.mode })
    await fs.chmod(path, file.mode)
  }
  for (const [name, target] of Object.entries(guestLinks)) {
    const path = join(tree, name)
    await fs.mkdir(dirname(path), { recursive: true, mode: 0o755 })
    await fs.rm(path, { force: true })
    await fs.symlink(target, path)
  }
  for (const name of await fs.readdir(join(tree, 'etc/ssh'))) {
    if (guestSecrets.test(name)) await fs.rm(join(tree, 'etc/ssh', name))
  }
}

async function takeKernel(tree: string, folder: string): Promise<void> {
  const names = (await fs.readdir(join(tree, 'boot'))).toSorted()
  const take = async (start: string, name: string): Promise<void> => {
    const found = names.findLast((entry) => entry.startsWith(start))
    if (found === undefined) throw new FlotillaError('machine/driver', `the tree of Debian ${suite} has no ${start}`)
    await fs.copyFile(join(tree, 'boot', found), join(folder, name))
    // Inside nobody reads them: a machine boots with those beside its disk.
    await fs.rm(join(tree, 'boot', found))
  }
  await take('vmlinuz-', 'vmlinuz')
  await take('initrd.img-', 'initrd')
}

async function run(what: string, words: ProgramWords, o: BaseImageOptions): Promise<void> {
  const result = await execProgram(words, { deadlineMs: buildLimitMs, ...o, env: systemEnv() })
  if (result.code === 0) return
  const said = result.stderr.trim().split('\n').slice(-5).join('\n')
  throw new FlotillaError('machine/driver', `cannot build ${what} of the image of virtual machines: ${said}`)
}
