import type { Duplex } from 'node:stream'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import type { SshKey } from '../model/build.ts'
import type { ImageBuild } from './definition.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * A connection to the agent or key that a build lends under this name.
 *
 * @returns undefined: it lends none
 * @throws {compose/invalid} when no agent runs, {io/ssh} when it or the key cannot be used
 */
export async function openSsh(build: ImageBuild, id: string, env: Environment): Promise<Duplex | undefined> {
  const key = keysOf(build).find((entry) => entry.id === id)
  if (key === undefined) return undefined
  const { openAgent } = await import('../../engine/buildkit/ssh-agent.ts')
  return openAgent(pathOf(key, build, env))
}

/**
 * What cannot be lent is said before the build: the builder would go on without it.
 *
 * @throws {compose/invalid} naming service and key
 */
export async function checkSsh(build: ImageBuild, env: Environment): Promise<void> {
  for (const key of keysOf(build)) {
    const path = pathOf(key, build, env)
    const { checkAgent } = await import('../../engine/buildkit/ssh-agent.ts')
    try {
      await checkAgent(path)
    } catch (error) {
      if (!isFlotillaError(error)) throw error
      throw new FlotillaError('compose/invalid', `${nameOf(key, build)}: ${error.message}`, { cause: error })
    }
  }
}

/** A repository that is fetched over ssh needs the agent, said or not (docker/buildx bake/bake.go). */
function keysOf({ ssh, context }: ImageBuild): readonly SshKey[] {
  const isOverSsh = context.kind === 'remote' && /^(?:ssh:\/\/|git@)/.test(context.url)
  return ssh.length === 0 && isOverSsh ? [{ id: 'default' }] : ssh
}

function pathOf(key: SshKey, build: ImageBuild, env: Environment): string {
  const path = key.path === undefined || key.path === '' ? env['SSH_AUTH_SOCK'] : key.path
  if (path !== undefined && path !== '') return path
  throw new FlotillaError('compose/invalid', `${nameOf(key, build)}: SSH_AUTH_SOCK is not set`, {
    hint: 'start an agent (eval "$(ssh-agent)"; ssh-add), or name a key: ID=PATH',
  })
}

function nameOf({ id }: SshKey, build: ImageBuild): string {
  return `ssh ${JSON.stringify(id)} of service "${build.service}"`
}
