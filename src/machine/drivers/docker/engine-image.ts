import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promises as fs } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { CallOptions } from '../../../core/call.ts'
import { FlotillaError, isFlotillaError } from '../../../core/errors.ts'
import { importImage, inspectImage, pullImage, removeImage } from '../../../engine/api/images.ts'
import type { ImageProgress } from '../../../engine/api/types-resource.ts'
import type { Engine } from '../../../engine/engine.ts'
import type { ProgramWords } from '../../../io/exec.ts'
import type { DriverContext } from '../../driver.ts'
import { resolveEngineRoot } from '../../debian/engine-tree.ts'
import { findHostFiles } from './host-files.ts'

const repository = 'flotilla/engine'
/** Images of other people come from a registry, which may be slow. */
const pullLimitMs = 15 * 60_000

/**
 * The image machines are made from: a given one, pulled when the outer engine does not have it, or one made of this
 * computer's own programs or of a Debian tree, loaded into the outer engine once.
 *
 * @returns the reference to make containers from
 * @throws {machine/driver}
 */
export async function ensureImage(
  engine: Engine,
  wanted: { readonly image: string; readonly engineRoot: string },
  ctx: DriverContext,
  o: CallOptions,
): Promise<string> {
  if (wanted.image !== '') return ensureGiven(engine, wanted.image, ctx, o)
  const root = await resolveEngineRoot(wanted.engineRoot, { ...o, clock: ctx.clock, log: ctx.log, env: ctx.env })
  return root === '/' ? importHost(engine, ctx, o) : importTree(engine, root, ctx, o)
}

async function ensureGiven(engine: Engine, reference: string, ctx: DriverContext, o: CallOptions): Promise<string> {
  if (await hasImage(engine, reference, o)) return reference
  ctx.log.info(`Pulling image ${reference}...`)
  // A port before the last slash is no tag.
  const isTagged = /[:@]/.test(reference.slice(reference.lastIndexOf('/') + 1))
  const query = { fromImage: reference, ...(isTagged ? {} : { tag: 'latest' }) }
  await finish(`pull image ${reference}`, await pullImage(engine, query, { deadlineMs: pullLimitMs, ...o }))
  return reference
}

async function importTree(engine: Engine, root: string, ctx: DriverContext, o: CallOptions): Promise<string> {
  const { mtimeMs } = await fs.stat(root)
  const reference = `${repository}:${digest(`${root} ${mtimeMs}`)}`
  if (await hasImage(engine, reference, o)) return reference
  ctx.log.info(`Making image ${reference} from ${basename(root)}...`)
  const words: ProgramWords = ['tar', '--numeric-owner', '--one-file-system', '-C', root, '-c', '.']
  await importTar(engine, reference, words, o)
  return reference
}

async function importHost(engine: Engine, ctx: DriverContext, o: CallOptions): Promise<string> {
  const files = await findHostFiles(ctx.clock, o)
  const stats = await Promise.all(files.map(async (path) => `${path} ${(await fs.stat(path)).mtimeMs}`))
  const reference = `${repository}:${digest(stats.join('\n'))}`
  if (await hasImage(engine, reference, o)) return reference
  ctx.log.info(`Making image ${reference} from this computer's own programs...`)
  const extra = await fs.mkdtemp(join(tmpdir(), 'flotilla-image-'))
  try {
    await writeExtra(extra)
    // What links point at goes in, under the name of the link: these are the names the programs are called by.
    const paths = files.map((path) => path.slice(1))
    await importTar(
      engine,
      reference,
      ['tar', '--owner=0', '--group=0', '-h', '-c', '-C', extra, '.', '-C', '/', ...paths],
      o,
    )
  } finally {
    await fs.rm(extra, { recursive: true, force: true })
  }
  return reference
}

/** The little a root file system needs besides programs. */
async function writeExtra(folder: string): Promise<void> {
  const put = async (path: string, text: string): Promise<void> =>
    fs.writeFile(join(folder, path), text, { mode: 0o644 })
  for (const path of ['etc/docker', 'root', 'var/lib/docker', 'var/log', 'proc', 'sys', 'dev', 'opt', 'usr/bin']) {
    await fs.mkdir(join(folder, path), { recursive: true, mode: 0o755 })
  }
  for (const path of ['run', 'tmp']) await fs.mkdir(join(folder, path), { mode: 0o755 })
  await fs.symlink('/run', join(folder, 'var/run'))
  await put('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n')
  await put('etc/group', 'root:x:0:\ndocker:x:101:\n')
  await put('etc/nsswitch.conf', 'hosts: files dns\n')
  await put('etc/os-release', 'ID=flotilla\nNAME="Flotilla engine"\nPRETTY_NAME="Flotilla engine"\n')
}

async function importTar(engine: Engine, reference: string, words: ProgramWords, o: CallOptions): Promise<void> {
  const [file, ...args] = words
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-2000)
  })
  const ended = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127))
    child.once('close', (code) => resolve(code ?? 128))
  })
  const [repo = '', tag = ''] = reference.split(':')
  try {
    await finish(`make image ${reference}`, await importImage(engine, { repo, tag }, child.stdout, o))
  } finally {
    child.kill('SIGKILL')
  }
  const code = await ended
  // 1: a file changed while it was read, which a running system's files may do.
  if (code !== 0 && code !== 1 && code !== 137) {
    // What came through may lack anything, and would be found and used the next time.
    await removeImage(engine, reference, { force: true }, {}).catch(() => undefined)
    throw new FlotillaError('machine/driver', `cannot make image ${reference}: tar ended with ${code}: ${said.trim()}`)
  }
}

async function finish(what: string, progress: AsyncIterable<ImageProgress>): Promise<void> {
  for await (const step of progress) {
    if (step.error !== undefined) throw new FlotillaError('machine/driver', `cannot ${what}: ${step.error}`)
  }
}

async function hasImage(engine: Engine, reference: string, o: CallOptions): Promise<boolean> {
  try {
    await inspectImage(engine, reference, o)
    return true
  } catch (error) {
    if (isFlotillaError(error) && error.code === 'engine/not-found') return false
    throw error
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
