import { resolve } from 'node:path'
import type { Context } from '../../cli/command.ts'
import type { AccessFile } from '../../cluster/access/access-file.ts'

/** Reads the access file for a manager. @throws {cluster/invalid-option} naming file, line and key */
export async function openAccess(ctx: Context, file: string): Promise<AccessFile> {
  const files = await import('../../cluster/access/access-file.ts')
  return files.AccessFile.open(resolve(ctx.cwd, file), { clock: ctx.clock, log: ctx.log })
}

/** Takes changes of the file over until it is closed. */
export function followAccess(access: AccessFile): { close(): void } {
  const stop = new AbortController()
  void access.follow(stop.signal)
  return { close: () => stop.abort() }
}
