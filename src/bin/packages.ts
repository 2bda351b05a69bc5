import { findConfigFile } from '../plugin/config-file.ts'
import type { PackageEntry, PackageSource } from '../plugin/packages.ts'

type Env = Readonly<Record<string, string | undefined>>

/**
 * The packages that the user's configuration names. A program that has no configuration file pays one look for it, and
 * only when it loads a part at all.
 */
export function findPackages(env: Env): PackageSource {
  let listed: Promise<readonly PackageEntry[]> | undefined
  let file: string | undefined
  return {
    list() {
      listed ??= readList((file = findConfigFile(env)))
      return listed
    },
    async load(entry) {
      const { loadPackage } = await import('./load-package.ts')
      return loadPackage(entry, file ?? '')
    },
  }
}

async function readList(file: string | undefined): Promise<readonly PackageEntry[]> {
  if (file === undefined) return []
  const { readPackageList } = await import('./load-package.ts')
  return readPackageList(file)
}
