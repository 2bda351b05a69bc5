import { homedir } from 'node:os'
import { join } from 'node:path'
import { readTextFile } from '../io/files.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Habits of a user that the docker CLI keeps in `config.json`. */
export interface DockerHabits {
  readonly detachKeys?: string
  /** Format of `docker ps` and of `ps` of Compose. */
  readonly psFormat?: string
}

/** Reads them. A file that is missing or unreadable has none: nobody's work should stop for a habit. */
export async function readDockerHabits(env: Env): Promise<DockerHabits> {
  const given = env['DOCKER_CONFIG'] ?? ''
  const home = env['HOME'] ?? ''
  const folder = given === '' ? join(home === '' ? homedir() : home, '.docker') : given
  const config = await readTextFile(join(folder, 'config.json'))
    .then((text): unknown => (text === undefined ? undefined : JSON.parse(text)))
    .catch(() => undefined)
  if (typeof config !== 'object' || config === null) return {}
  const [detachKeys, psFormat] = [textAt(config, 'detachKeys'), textAt(config, 'psFormat')]
  return { ...(detachKeys !== undefined && { detachKeys }), ...(psFormat !== undefined && { psFormat }) }
}

function textAt(config: object, key: string): string | undefined {
  const value: unknown = Reflect.get(config, key)
  return typeof value === 'string' && value !== '' ? value : undefined
}
