import { existsSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Path of the user's configuration: `$FLOTILLA_CONFIG`, else `flotilla/config.json` in the folder for configurations.
 * Costs one look for the file, which most users do not have.
 *
 * @returns undefined when there is none; one that is named is returned also when it is not there
 */
export function findConfigFile(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = env['FLOTILLA_CONFIG'] ?? ''
  if (named !== '') return named
  const [folder, home] = [env['XDG_CONFIG_HOME'] ?? '', env['HOME'] ?? '']
  if (!folder.startsWith('/') && home === '') return undefined
  const parent = folder.startsWith('/') ? folder : join(home, '.config')
  const file = join(parent, 'flotilla', 'config.json')
  return existsSync(file) ? file : undefined
}
