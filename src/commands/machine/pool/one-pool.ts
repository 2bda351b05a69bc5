import { FlotillaError } from '../../../core/errors.ts'

/** The one pool a command is about. @throws {machine/usage} */
export function onePool(args: readonly string[], command: string): string {
  const [name, ...more] = args
  if (name !== undefined && name !== '' && more.length === 0) return name
  throw new FlotillaError('machine/usage', `pool ${command} takes the name of one pool`)
}
