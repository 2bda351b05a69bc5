import { isAbsolute, join } from 'node:path'
import { isTrustedProgram } from '../io/find-executable.ts'
import { dockerConfigFolder, readDockerConfig } from './docker-config.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Where packages put plugins of the docker command (docker/cli cli-plugins/manager). */
const systemFolders = [
  '/usr/local/lib/docker/cli-plugins',
  '/usr/local/libexec/docker/cli-plugins',
  '/usr/lib/docker/cli-plugins',
  '/usr/libexec/docker/cli-plugins',
]

/**
 * Finds a plugin of the docker command by its name without `docker-`: in `cliPluginsExtraDirs` of the user's
 * configuration, in its own folder, then where packages put them.
 *
 * @returns its path; undefined when there is none
 */
export async function findCliPlugin(name: string, env: Environment): Promise<string | undefined> {
  if (!/^[a-z][a-z0-9_-]*$/i.test(name)) return undefined
  const config = dockerConfigFolder(env)
  const ending = process.platform === 'win32' ? '.exe' : ''
  for (const folder of [...(await extraFolders(config)), join(config, 'cli-plugins'), ...systemFolders]) {
    const path = join(folder, `docker-${name}${ending}`)
    if (await isTrustedProgram(path)) return path
  }
  return undefined
}

/** A configuration that cannot be read names no folders; who needs more of it says what is wrong with it. */
async function extraFolders(config: string): Promise<readonly string[]> {
  const { fields } = await readDockerConfig(config)
  const folders = fields['cliPluginsExtraDirs']
  return Array.isArray(folders) ? folders.filter((entry) => typeof entry === 'string' && isAbsolute(entry)) : []
}
