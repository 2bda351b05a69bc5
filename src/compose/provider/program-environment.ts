import { copyDictionary } from '../model/dictionary.ts'
import type { Dictionary } from '../model/dictionary.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The variables of a project for a program that runs on this computer. What an env file of the project says reaches it,
 * credentials for instance, except what would make it run other code or read other settings than the user's own: a
 * project may come from somebody else.
 *
 * @param env of this process: what the user set is passed on as it is
 */
export function toProgramEnvironment(project: Dictionary<string>, env: Environment): Dictionary<string> {
  const made = copyDictionary(project)
  for (const name of Object.keys(made)) {
    const own = Object.hasOwn(env, name) ? env[name] : undefined
    if (own === undefined && steers(name)) delete made[name]
  }
  return made
}

/** Variables by which loaders, shells, interpreters and the programs of Docker, Git and SSH are told what to run. */
function steers(name: string): boolean {
  return steeringNames.has(name.toUpperCase()) || steeringPrefixes.test(name)
}

const steeringNames: ReadonlySet<string> = new Set([
  'BASHOPTS',
  'BASH_ENV',
  'CDPATH',
  'CLASSPATH',
  'DOCKER_CONFIG',
  'EDITOR',
  'ENV',
  'GCONV_PATH',
  'HOME',
  'IFS',
  'LOCPATH',
  'PAGER',
  'PATH',
  'PATHEXT',
  'PROMPT_COMMAND',
  'PS4',
  'SHELL',
  'SHELLOPTS',
  'SSH_ASKPASS',
  'SSH_AUTH_SOCK',
  'VISUAL',
  'ZDOTDIR',
  '_JAVA_OPTIONS',
])

const steeringPrefixes = /^(?:BASH_FUNC_|DYLD_|GIT_|JAVA_TOOL_|JDK_|LD_|LUA_|NODE_|NPM_CONFIG_|PERL|PYTHON|RUBY|XDG_)/i
