import { resolve } from 'node:path'
import type { Context } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'

/** The one file that the command is about. @throws {cli/usage} */
export function readAuditFile(ctx: Context, args: readonly string[], command: string): string {
  const [file, ...more] = args
  if (file !== undefined && file !== '' && more.length === 0) return resolve(ctx.cwd, file)
  throw new FlotillaError('cli/usage', `swarm audit ${command} takes one file. See 'swarm audit ${command} --help'.`)
}
