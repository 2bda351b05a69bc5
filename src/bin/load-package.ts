import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { FlotillaError, toMessage } from '../core/errors.ts'
import { goQuote } from '../core/goquote.ts'
import { readTextFile } from '../io/files.ts'
import { parsePluginConfig } from '../plugin/packages.ts'
import type { PackageEntry } from '../plugin/packages.ts'

/** @throws {plugin/invalid} when the file cannot be read or understood */
export async function readPackageList(file: string): Promise<readonly PackageEntry[]> {
  return parsePluginConfig(await readTextFile(file), file)
}

/**
 * Loads a package as a module beside the configuration file would.
 *
 * `require`, which takes ES modules too on every version we run on: an `import()` of a bundled program would be turned
 * into one, and the executable has no other way to code that is not in it.
 *
 * @throws {plugin/not-found} when it is not installed there
 * @throws {plugin/invalid} when its code fails
 */
export function loadPackage(entry: PackageEntry, file: string): unknown {
  const folder = dirname(resolve(file))
  const load = createRequire(resolve(file))
  let path: string
  try {
    path = load.resolve(entry.name)
  } catch (error) {
    const isPath = /^[./]/.test(entry.name)
    throw new FlotillaError(
      'plugin/not-found',
      `plug-in ${goQuote(entry.name)} of configuration ${goQuote(file)} is not there`,
      { cause: error, ...(isPath ? {} : { hint: `npm install --prefix ${folder} ${entry.name}` }) },
    )
  }
  try {
    return toDefault(load(path))
  } catch (error) {
    throw new FlotillaError(
      'plugin/invalid',
      `plug-in ${goQuote(entry.name)}: it cannot be loaded: ${toMessage(error)}`,
      {
        cause: error,
      },
    )
  }
}

/** The default export, of an ES module or of one that was compiled to CommonJS. */
function toDefault(exported: unknown): unknown {
  const isModule = typeof exported === 'object' && exported !== null && 'default' in exported
  return isModule ? exported.default : exported
}
