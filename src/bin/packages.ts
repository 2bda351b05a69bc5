import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { PackageEntry, PackageSource } from '../plugin/packages.ts'

type Env = Readonly<Record<string, string | undefined>>

/**
 * The packages that the user's configuration names. A program that has no configuration file pays one look for it, and
 * only when it loads a part at all.
 */
export function findPackages(env: Env): PackageSource {
  const file = configFile(env)
  let listed: Promise<readonly PackageEntry[]> | undefined
  return {
    list() {
      listed ??= readList(file, (env['FLOTILLA_CONFIG'] ?? '') !== '')
      return listed
    },
    async load(entry) {
      const { loadPackage } = await import('./load-package.ts')
      return loadPackage(entry, file ?? '')
    },
  }
}

function configFile(env: Env): string | undefined {
  const named = env['FLOTILLA_CONFIG'] ?? ''
  if (named !== '') return named
  const [folder, home] = [env['XDG_CONFIG_HOME'] ?? '', env['HOME'] ?? '']
  if (folder.startsWith('/')) return join(folder, 'flotilla', 'config.json')
  return home === '' ? undefined : join(home, '.config', 'flotilla', 'config.json')
}

async function readList(file: string | undefined, isNamed: boolean): Promise<readonly PackageEntry[]> {
  if (file === undefined || (!isNamed && !existsSync(file))) return []
  const { readPackageList } = await import('./load-package.ts')
  return readPackageList(file)
}
