import { existsSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { systemClock } from '../../src/io/clock.ts'
import { unpackPackages } from '../../src/testing/lab/debian-packages.ts'

/** A program to measure against: how to call it, and what has to be in its environment. */
export interface Peer {
  readonly name: string
  readonly command: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
}

/** What classic docker-compose imports, unpacked beside it. */
const pythonPackages = [
  'docker-compose',
  'python3-certifi',
  'python3-chardet',
  'python3-charset-normalizer',
  'python3-distro',
  'python3-docker',
  'python3-dockerpty',
  'python3-docopt',
  'python3-dotenv',
  'python3-attr',
  'python3-idna',
  'python3-jsonschema',
  'python3-pkg-resources',
  'python3-pyrsistent',
  'python3-requests',
  'python3-six',
  'python3-texttable',
  'python3-urllib3',
  'python3-websocket',
  'python3-yaml',
] as const

/**
 * docker-compose 2.x: FLOTILLA_BENCH_COMPOSE2, else unpacked from a newer Debian suite.
 *
 * @returns nothing where it cannot be had
 */
export async function findCompose2(): Promise<Peer | undefined> {
  const given = process.env['FLOTILLA_BENCH_COMPOSE2']
  if (given !== undefined && given !== '') return { name: 'docker-compose 2', command: [given], env: {} }
  const tree = await unpack('docker-compose-2', 'sid', ['docker-compose'])
  const program = tree === undefined ? '' : join(tree, 'usr/libexec/docker/cli-plugins/docker-compose')
  return existsSync(program) ? { name: 'docker-compose 2', command: [program], env: {} } : undefined
}

/**
 * Classic docker-compose 1.29: FLOTILLA_BENCH_COMPOSE1, else Debian 12's package with its modules, run by the
 * machine's own Python 3.11.
 */
export async function findCompose1(): Promise<Peer | undefined> {
  const given = process.env['FLOTILLA_BENCH_COMPOSE1']
  if (given !== undefined && given !== '') return { name: 'docker-compose 1.29', command: [given], env: {} }
  const python = '/usr/bin/python3.11'
  if (!existsSync(python)) return undefined
  const tree = await unpack('docker-compose-1', 'bookworm', pythonPackages)
  const program = tree === undefined ? '' : join(tree, 'usr/bin/docker-compose')
  if (tree === undefined || !existsSync(program)) return undefined
  const modules = join(tree, 'usr/lib/python3/dist-packages')
  return { name: 'docker-compose 1.29', command: [python, program], env: { PYTHONPATH: modules } }
}

async function unpack(name: string, suite: string, packages: readonly string[]): Promise<string | undefined> {
  try {
    return await unpackPackages({ name, suite, packages }, systemClock)
  } catch {
    return undefined
  }
}
