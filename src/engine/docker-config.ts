import { homedir } from 'node:os'
import { join } from 'node:path'
import { toMessage } from '../core/errors.ts'
import { fileReason } from '../core/file-reason.ts'
import { readTextFile } from '../io/files.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Habits of a user that the docker CLI keeps in `config.json`. */
export interface DockerHabits {
  readonly detachKeys?: string
  /** Format of `docker ps` and of `ps` of Compose. */
  readonly psFormat?: string
}

/** The docker CLI's `config.json` of a user. */
export interface DockerConfig {
  /** None where the file is missing, empty or cannot be taken. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Why a file that is there cannot be taken, with its path and none of its content, which may be a password. */
  readonly problem?: string
}

/** The folder it lies in. */
export function dockerConfigFolder(env: Env): string {
  const [given, home] = [env['DOCKER_CONFIG'] ?? '', env['HOME'] ?? '']
  return given === '' ? join(home === '' ? homedir() : home, '.docker') : given
}

/**
 * Reads the file. Like the docker CLI it goes on without one that it cannot read or understand: most commands need nothing
 * of it. Whoever has the user's ear tells of the problem.
 */
export async function readDockerConfig(folder: string): Promise<DockerConfig> {
  const path = join(folder, 'config.json')
  let text: string | undefined
  try {
    text = await readTextFile(path)
  } catch (error) {
    const why =
      error instanceof Error && error.cause !== undefined
        ? `open ${path}: ${fileReason(error.cause)}`
        : toMessage(error)
    return { fields: {}, problem: `Error loading config file: ${why}` }
  }
  if (text === undefined || text.trim() === '') return { fields: {} }
  const wrong = (why: string): DockerConfig => ({ fields: {}, problem: `Error parsing config file (${path}): ${why}` })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return wrong('it is not JSON')
  }
  if (value === null) return { fields: {} }
  return typeof value === 'object' && !Array.isArray(value)
    ? { fields: { ...value } }
    : wrong('it is not a JSON object')
}

/** Reads a user's habits. */
export async function readDockerHabits(env: Env): Promise<DockerHabits> {
  const { fields } = await readDockerConfig(dockerConfigFolder(env))
  const [detachKeys, psFormat] = [textAt(fields, 'detachKeys'), textAt(fields, 'psFormat')]
  return { ...(detachKeys !== undefined && { detachKeys }), ...(psFormat !== undefined && { psFormat }) }
}

function textAt(config: object, key: string): string | undefined {
  const value: unknown = Reflect.get(config, key)
  return typeof value === 'string' && value !== '' ? value : undefined
}
