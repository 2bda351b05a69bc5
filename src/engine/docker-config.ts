import { Buffer } from 'node:buffer'
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
  /** None where the file is missing, empty or cannot be taken. Any of them may be of a wrong type. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Why a file that is there cannot be taken as a whole, with its path and no value of its content, which may be a password. */
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
  if (!isObject(value)) return wrong('it is not a JSON object')
  const mistake = findMistake(value, shape, '')
  return { ...(mistake !== undefined && wrong(mistake)), fields: { ...value } }
}

/** What the docker CLI takes a value for: text, or an object with these entries, `*` for any name. */
type Shape = 'text' | 'login' | { readonly [name: string]: Shape }

const shape: Shape = {
  auths: { '*': { auth: 'login', identitytoken: 'text', password: 'text', username: 'text' } },
  credHelpers: { '*': 'text' },
  credsStore: 'text',
  currentContext: 'text',
  detachKeys: 'text',
  proxies: { '*': { '*': 'text' } },
  psFormat: 'text',
}

/** @returns what is wrong with the first value that is not what it should be; such a value counts as missing */
function findMistake(value: unknown, wanted: Shape, at: string): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof wanted === 'string') {
    if (typeof value !== 'string') return `${at} is not text`
    const isLogin = value === '' || Buffer.from(value, 'base64').indexOf(':') > 0
    return wanted === 'login' && !isLogin ? `${at} is not a name and a password in base64` : undefined
  }
  if (!isObject(value)) return `${at} is not an object`
  for (const [name, entry] of Object.entries(value)) {
    const inner = (Object.hasOwn(wanted, name) ? wanted[name] : undefined) ?? wanted['*']
    const mistake = inner === undefined ? undefined : findMistake(entry, inner, at === '' ? name : `${at}.${name}`)
    if (mistake !== undefined) return mistake
  }
  return undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
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
