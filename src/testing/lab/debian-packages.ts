import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError } from '../../core/errors.ts'
import { execChecked } from '../../io/exec.ts'
import { makeFolder, pathExists } from '../../io/files.ts'
import { withLock } from '../../io/lock.ts'
import { findMirror, readProxyOptions } from '../../machine/debian/apt-mirror.ts'
import { cacheFolder, removeUnfinished } from '../../machine/debian/engine-tree.ts'

/** Packages that are unpacked, not installed: nothing of them starts, and the machine stays as it is. */
export interface PackageSet {
  /** Name of the set in the cache. */
  readonly name: string
  /** Debian release. */
  readonly suite: string
  readonly packages: readonly string[]
}

const downloadLimitMs = 10 * 60_000

/**
 * Downloads and unpacks a set once per machine.
 *
 * @returns the root of the unpacked tree
 * @throws {platform/missing} when the packages cannot be had
 */
export async function unpackPackages(set: PackageSet, clock: Clock): Promise<string> {
  const folder = join(cacheFolder(process.env), 'packages')
  const tree = join(folder, `${set.name}-${set.suite}-${process.arch}`)
  if (await pathExists(tree)) return tree
  await makeFolder(folder, 0o755)
  return withLock(`${tree}.lock`, { clock, waitMs: downloadLimitMs, subject: `packages of ${set.name}` }, async () => {
    if (await pathExists(tree)) return tree
    await removeUnfinished(tree)
    const building = await fs.mkdtemp(`${tree}.building-`)
    try {
      await download(set, building, clock)
      await fs.rename(join(building, 'tree'), tree)
    } catch (error) {
      throw new FlotillaError(
        'platform/missing',
        `${set.name} is not to be had here: cannot unpack ${set.packages.join(', ')} of Debian ${set.suite}`,
        { cause: error },
      )
    } finally {
      await fs.rm(building, { recursive: true, force: true })
    }
    return tree
  })
}

/** With a package list of its own, so that the machine's is neither used nor changed. */
async function download(set: PackageSet, building: string, clock: Clock): Promise<void> {
  for (const name of ['tree', 'debs', 'state/lists/partial', 'cache/archives/partial']) {
    await makeFolder(join(building, name), 0o755)
  }
  const mirror = await findMirror(process.env)
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  const signed = (await pathExists(keyring)) ? `[signed-by=${keyring}] ` : ''
  const sources = join(building, 'sources.list')
  await fs.writeFile(sources, `deb ${signed}${mirror} ${set.suite} main\n`)
  const options = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State=${building}/state`,
    'Dir::State::status=/dev/null',
    `Dir::Cache=${building}/cache`,
    'Acquire::Check-Valid-Until=false',
    'Acquire::Languages=none',
    'Acquire::Retries=5',
    'APT::Sandbox::User=root',
    ...(await readProxyOptions(clock)).map((option) => option.replace(/ "(.*)"$/, '=$1')),
  ].flatMap((option) => ['-o', option])
  const common = { clock, deadlineMs: downloadLimitMs, cwd: join(building, 'debs') }
  await execChecked(['apt-get', '-q', ...options, 'update'], common)
  await execChecked(['apt-get', '-q', ...options, 'download', ...set.packages], common)
  for (const name of await fs.readdir(common.cwd)) {
    await execChecked(['dpkg', '-x', join(common.cwd, name), join(building, 'tree')], common)
  }
}
