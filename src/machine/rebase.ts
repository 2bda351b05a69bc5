import { join } from 'node:path'
import type { JsonValue } from '../core/exact-json.ts'
import type { AuthOptions, Host } from './host.ts'

/** Where a stored path points in a store that lies at `root` now, or `undefined` when its tail is none of ours. */
function followTail(stored: string, name: string, root: string): string | undefined {
  const parts = stored.split(/[/\\]/)
  const folder = parts.lastIndexOf('certs')
  if (folder >= 0 && parts.length - folder <= 2) return join(root, ...parts.slice(folder))
  for (let at = parts.length - 1; at > 0; at -= 1) {
    if (parts[at] === name && parts[at - 1] === 'machines') return join(root, ...parts.slice(at - 1))
  }
  return undefined
}

/**
 * Records hold absolute paths, so a store copied to another home would break (docker/machine #23, #1328).
 * A stored path that does not exist but ends in `certs/X` or `machines/NAME/X` is taken to mean the
 * same place under the current root.
 *
 * @param exists asked only for paths outside the root, so that an unmoved store costs nothing
 */
export async function rebasePaths(host: Host, root: string, exists: (path: string) => Promise<boolean>): Promise<Host> {
  async function rebase(stored: string): Promise<string> {
    if (stored === '' || stored === root || stored.startsWith(`${root}/`) || stored.startsWith(`${root}\\`)) {
      return stored
    }
    if (await exists(stored)) return stored
    return followTail(stored, host.name, root) ?? stored
  }

  const auth: Record<string, unknown> = { ...host.options.AuthOptions }
  for (const [key, value] of Object.entries(auth)) {
    if (typeof value === 'string' && !key.endsWith('RemotePath')) auth[key] = await rebase(value)
  }
  const driver: Record<string, JsonValue | undefined> = { ...host.driver }
  const keyPath = driver['SSHKeyPath']
  if (typeof keyPath === 'string') driver['SSHKeyPath'] = await rebase(keyPath)
  const storePath = driver['StorePath']
  if (typeof storePath === 'string' && storePath !== root && !(await exists(storePath))) driver['StorePath'] = root
  return {
    ...host,
    driver,
    options: { ...host.options, AuthOptions: auth as unknown as AuthOptions },
  }
}
