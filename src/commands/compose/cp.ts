import { promises as fs } from 'node:fs'
import { dirname } from 'node:path'
import { PassThrough } from 'node:stream'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import { mapLimit } from '../../core/limit.ts'
import {
  chooseDirection,
  decideGoal,
  followLink,
  kindOfMode,
  parseCopyPlace,
  renameEntry,
  toContainerPath,
  toLocalPath,
} from '../../compose/copy/rule.ts'
import type { CopyDirection, CopySource, CopyTarget } from '../../compose/copy/rule.ts'
import { observeService } from '../../compose/observe.ts'
import type { ObservedContainer } from '../../compose/plan/observed.ts'
import { getArchive, headArchive, putArchive } from '../../engine/api/archive.ts'
import type { PathStat } from '../../engine/api/archive.ts'
import type { Engine } from '../../engine/engine.ts'
import { inOrder } from './one-container.ts'
import type { cpFlags } from './process-table.ts'
import { withSession } from './session.ts'
import type { Session } from './session.ts'
import { requireTarget } from './target.ts'

type CpFlags = Parameters<typeof run>[1]

export const run: Run<typeof cpFlags> = async (ctx, flags, args) => {
  if (args.length !== 2) throw wrongCount()
  const [source = '', target = ''] = args
  const way = chooseDirection(parseCopyPlace(source), parseCopyPlace(target))
  const { name: project } = await requireTarget(ctx, [])
  await withSession(
    ctx,
    async (session) => {
      const containers = await findContainers(ctx, session, project, way, flags)
      if (way.kind === 'in') return copyIn(ctx, session, containers, way, flags)
      const [first] = containers
      if (first !== undefined) await copyOut(ctx, session, first, way, flags)
      return undefined
    },
    { title: 'Copying' },
  )
}

function wrongCount(): FlotillaError {
  return new FlotillaError('cli/usage', "docker: 'docker compose cp' requires 2 arguments", {
    hint: 'cp SERVICE:SRC_PATH DEST_PATH|- or cp SRC_PATH|- SERVICE:DEST_PATH',
  })
}

/** To a service: all its containers. From one: the first. */
async function findContainers(
  ctx: Context,
  { engine }: Session,
  project: string,
  way: CopyDirection,
  flags: CpFlags,
): Promise<readonly ObservedContainer[]> {
  const { service } = way
  const all = inOrder(await observeService(engine, project, service, { signal: ctx.signal }))
  const fit = all.filter((container) => flags.all || !container.isOneOff)
  if (flags.index !== undefined && flags.index > 0) {
    const container = fit.find((entry) => !entry.isOneOff && entry.number === flags.index)
    if (container !== undefined) return [container]
    throw new FlotillaError('compose/not-found', `service "${service}" is not running container #${flags.index}`)
  }
  if (fit.length === 0) {
    throw new FlotillaError('compose/not-found', `no container found for service "${service}"`)
  }
  return fit
}

/** Shows one copy while it goes on. A dry run stops where something would be written. */
async function report(session: Session, id: string, way: string, copy: () => Promise<void>): Promise<void> {
  const event = { id, text: `copy ${way}`, isTransfer: true }
  session.progress({ ...event, status: 'working', detail: 'Copying' })
  await copy()
  session.progress({ ...event, status: 'done', detail: 'Copied' })
}

async function copyOut(
  ctx: Context,
  session: Session,
  container: ObservedContainer,
  way: CopyDirection,
  flags: CpFlags,
): Promise<void> {
  const { engine } = session
  const call = { signal: ctx.signal }
  const words = `${container.name}:${way.source} to ${way.target}`
  await report(session, container.name, words, async () => {
    const { source, path } = await inspectSource(engine, container.id, way.source, flags, call)
    if (way.target === '-') {
      if (session.isDryRun) return
      const { body } = await getArchive(engine, container.id, path, call)
      await pipeline(body, ctx.stdout, { end: false })
      return
    }
    const target = await inspectLocalTarget(toLocalPath(ctx.cwd, way.target))
    const goal = decideGoal(source, target)
    if (session.isDryRun) return
    const [{ unpackTo }, { body }] = await Promise.all([
      import('../../io/tar-files.ts'),
      getArchive(engine, container.id, path, call),
    ])
    try {
      // A folder's contents under a new name: the top is renamed like that of any other.
      await unpackTo(body, goal.folder, { rename: (entry) => renameEntry(entry, goal.name) })
    } finally {
      body.destroy()
    }
  })
}

async function inspectSource(
  engine: Engine,
  container: string,
  typed: string,
  flags: CpFlags,
  call: { readonly signal: AbortSignal },
): Promise<{ readonly source: CopySource; readonly path: string }> {
  const path = toContainerPath(typed)
  const stat = await findInContainer(engine, container, path, call)
  if (stat === undefined) throw missing(path, container)
  if (kindOfMode(stat.mode) !== 'link' || !flags['follow-link']) {
    return { source: { path, isFolder: kindOfMode(stat.mode) === 'folder' }, path }
  }
  const real = followLink(path, stat.linkTarget)
  const realStat = await findInContainer(engine, container, real, call)
  if (realStat === undefined) throw missing(real, container)
  const name = path.split('/').at(-1) ?? ''
  return { source: { path: real, isFolder: kindOfMode(realStat.mode) === 'folder', name }, path: real }
}

/** As newer engines say it; older ones leave the name out. */
function missing(path: string, container: string): FlotillaError {
  return new FlotillaError(
    'engine/not-found',
    `Error response from daemon: Could not find the file ${path} in container ${container}`,
  )
}

async function inspectLocalTarget(path: string): Promise<CopyTarget> {
  const stats = await fs.stat(path).catch(() => undefined)
  if (stats !== undefined) return { path, found: stats.isDirectory() ? 'folder' : 'file' }
  const parent = dirname(path.replace(/(?<=.)\/\.?$/, ''))
  const above = await fs.stat(parent).catch(() => undefined)
  if (above?.isDirectory() !== true) {
    throw new FlotillaError('io/file', `invalid output path: directory "${parent}" does not exist`)
  }
  return { path, found: 'nothing' }
}

async function copyIn(
  ctx: Context,
  session: Session,
  containers: readonly ObservedContainer[],
  way: CopyDirection,
  flags: CpFlags,
): Promise<void> {
  const inputs = way.source === '-' && !session.isDryRun ? splitInput(ctx.stdin, containers.length) : []
  // The copies of one input go on at the same pace.
  const atOnce = inputs.length > 0 ? containers.length : session.parallel
  await mapLimit(containers, atOnce, async (container, index) => {
    const words = `${way.source} to ${container.name}:${way.target}`
    await report(session, container.name, words, () => copyInto(ctx, session, container, way, flags, inputs[index]))
  })
}

async function copyInto(
  ctx: Context,
  { engine, isDryRun }: Session,
  container: ObservedContainer,
  way: CopyDirection,
  flags: CpFlags,
  input: Readable | undefined,
): Promise<void> {
  const call = { signal: ctx.signal }
  const target = await inspectTarget(engine, container, toContainerPath(way.target), call)
  if (way.source === '-') {
    if (target.found !== 'folder') {
      input?.destroy()
      throw new FlotillaError('cli/usage', `destination "${container.id}:${way.target}" must be a directory`)
    }
    if (!isDryRun && input !== undefined) await put(engine, container.id, target.path, input, flags, call)
    return
  }
  const path = toLocalPath(ctx.cwd, way.source)
  const isFollowing = flags['follow-link'] || /\/\.?$/.test(path)
  const stats = await (isFollowing ? fs.stat(path) : fs.lstat(path)).catch(() => {
    throw new FlotillaError('io/file', `lstat ${path}: no such file or directory`)
  })
  const goal = decideGoal({ path, isFolder: stats.isDirectory() }, target)
  if (isDryRun) return
  const { packPath } = await import('../../io/tar-files.ts')
  const archive = packPath(path, { isFollowing, ...(goal.name !== undefined && { name: goal.name }) })
  await put(engine, container.id, goal.folder, archive, flags, call)
}

async function put(
  engine: Engine,
  container: string,
  path: string,
  archive: Readable,
  flags: CpFlags,
  call: { readonly signal: AbortSignal },
): Promise<void> {
  let failure: unknown
  archive.once('error', (error) => (failure = error))
  try {
    const query = { path, noOverwriteDirNonDir: true, copyUidGid: flags.archive }
    await putArchive(engine, container, query, archive, call)
  } catch (error) {
    // An archive that breaks off ends the request: what broke it is what the user wants to know.
    throw failure ?? error
  } finally {
    archive.destroy()
  }
}

/** What is there; a link is followed once, as the reference program does. */
async function inspectTarget(
  engine: Engine,
  container: ObservedContainer,
  typed: string,
  call: { readonly signal: AbortSignal },
): Promise<CopyTarget> {
  // An engine that cannot look there at all (a path below a file) says why when it is sent the archive; a look it
  // refuses has no words.
  const first = await findInContainer(engine, container.id, typed, call).catch((error: unknown) => {
    if (isFlotillaError(error) && error.status !== undefined) return undefined
    throw error
  })
  const isLink = first !== undefined && kindOfMode(first.mode) === 'link'
  const path = isLink ? followLink(typed, first.linkTarget) : typed
  const stat = isLink ? await findInContainer(engine, container.id, path, call) : first
  if (stat === undefined) return { path, found: 'nothing' }
  const kind = kindOfMode(stat.mode)
  if (kind === 'other') {
    const place = `${container.id}:${typed}`
    throw new FlotillaError('cli/usage', `destination "${place}" must be a directory or a regular file`)
  }
  return { path, found: kind === 'folder' ? 'folder' : 'file' }
}

async function findInContainer(
  engine: Engine,
  container: string,
  path: string,
  call: { readonly signal: AbortSignal },
): Promise<PathStat | undefined> {
  try {
    return await headArchive(engine, container, path, call)
  } catch (error) {
    if (isFlotillaError(error) && error.status === 404) return undefined
    throw error
  }
}

/** One input for several readers: each piece goes to all before the next is read. */
function splitInput(input: Readable, count: number): readonly Readable[] {
  const outputs = Array.from({ length: count }, () => new PassThrough())
  const pump = async (): Promise<void> => {
    for await (const piece of input) {
      const waits = outputs.map((output) => {
        if (output.destroyed || output.write(piece)) return Promise.resolve()
        return new Promise<void>((resolve) => {
          output.once('drain', resolve)
          output.once('close', resolve)
        })
      })
      await Promise.all(waits)
    }
    for (const output of outputs) output.end()
  }
  pump().catch((error: Error) => {
    for (const output of outputs) output.destroy(error)
  })
  return outputs
}
