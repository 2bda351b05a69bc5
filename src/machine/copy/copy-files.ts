import type { CallOptions } from '../../core/call.ts'
import { FlotillaError } from '../../core/errors.ts'
import { cleanArchive } from '../../io/tar-clean.ts'
import type { CopyEnd } from './copy-end.ts'
import { findDifferences, planCopy } from './copy-plan.ts'
import type { CopyStep, CopyWish } from './copy-plan.ts'

/** One end of a copy as it was written. */
export interface CopyPath {
  readonly end: CopyEnd
  readonly path: string
}

/** Group and others do not get to write what is new. */
const umask = 0o022

/**
 * Copies files from one end to another: as they are, or with `isDelta` those that differ in size, time or mode. Links stay
 * links, owners are whoever writes.
 *
 * @throws {machine/usage} for what cannot be copied so, {machine/driver} or {io/file} naming the path that failed
 */
export async function copyFiles(from: CopyPath, to: CopyPath, wish: CopyWish, o: CallOptions): Promise<void> {
  const found = await from.end.look(from.path, true, o)
  const [target] = await to.end.look(to.path, false, o)
  if (target === undefined) throw new FlotillaError('machine/driver', `cannot look at ${to.end.prefix}${to.path}`)
  const place = ({ end, path }: CopyPath): { readonly text: string; readonly end: CopyEnd } => ({
    text: `${end.prefix}${path}`,
    end,
  })
  for (const step of planCopy({ ...place(from), found }, { ...place(to), found: target }, wish)) {
    await (step.kind === 'file' ? copyFile : copyFolder)(step, from.end, to.end, wish, o)
  }
}

async function copyFile(step: CopyStep, from: CopyEnd, to: CopyEnd, wish: CopyWish, o: CallOptions): Promise<void> {
  const { source, path } = step
  if (wish.isDelta) {
    const [there] = await to.look(path, false, o)
    if (there?.kind === 'file' && there.sizeBytes === source.sizeBytes && there.modifiedS === source.modifiedS) return
  }
  const file = { mode: source.mode & ~umask, ...(wish.isDelta && { modifiedS: source.modifiedS }) }
  await to.receiveFile(path, file, from.sendFile(source.path, o), o)
}

async function copyFolder(step: CopyStep, from: CopyEnd, to: CopyEnd, wish: CopyWish, o: CallOptions): Promise<void> {
  const { source, path } = step
  const only = wish.isDelta ? await chooseNames(step, from, to, o) : undefined
  if (only?.length === 0) return
  const archive = cleanArchive(from.sendFolder(source.path, only, o))
  // As rsync does it: the target itself is made, and the folder in it.
  await to.receiveFolder(path, { mode: source.mode & ~umask, makesParents: wish.isDelta }, archive, o)
}

/** @returns undefined where everything has to be sent */
async function chooseNames(
  { source, path }: CopyStep,
  from: CopyEnd,
  to: CopyEnd,
  o: CallOptions,
): Promise<readonly string[] | undefined> {
  const [there] = await to.look(path, false, o)
  if (there?.kind !== 'folder') return undefined
  const [ours, theirs] = await Promise.all([from.list(source.path, o), to.list(path, o)])
  return ours === undefined || theirs === undefined ? undefined : findDifferences(ours, theirs)
}
