import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pathExists } from '../io/files.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Whether buildx knows a builder of this name: one that it keeps a file of, or the docker context that is called so
 * (docker/buildx store/storeutil/storeutil.go GetNodeGroup). `default` is always there.
 */
export async function isKnownBuilder(env: Environment, name: string): Promise<boolean> {
  if (name === 'default') return true
  const given = env['DOCKER_CONFIG'] ?? ''
  const home = env['HOME'] ?? ''
  const configFolder = given === '' ? join(home === '' ? homedir() : home, '.docker') : given
  const own = env['BUILDX_CONFIG'] ?? ''
  const buildxFolder = own === '' ? join(configFolder, 'buildx') : own
  // A name is no path: buildx takes letters, digits, `.`, `_` and `-`, in lower case.
  const isName = /^[a-zA-Z][a-zA-Z0-9._-]*$/.test(name)
  if (isName && (await pathExists(join(buildxFolder, 'instances', name.toLowerCase())))) return true
  const id = createHash('sha256').update(name).digest('hex')
  return pathExists(join(configFolder, 'contexts', 'meta', id, 'meta.json'))
}
