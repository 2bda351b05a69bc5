import { programCommit, programVersion } from '../core/program.ts'

/** How a program name parses, prints and exits. */
export interface Personality {
  /** As in argv[0] and in help: `docker-machine`. */
  readonly program: string
  /** How help and messages call it where that is not `program`: Compose v2 says `docker compose`. */
  readonly title?: string
  readonly id: 'flotilla' | 'docker-machine' | 'docker-compose' | 'swarm'
  readonly dialect: 'goflag' | 'pflag'
  /** Which ancestor's help pages ours look like. */
  readonly help: 'machine' | 'swarm' | 'docker'
  /** One line under the usage line of the program's help. */
  readonly purpose: string
  /** What `--version` prints. */
  readonly versionText: string
  /** What the `Version:` line of the help says, where the layout has one. */
  readonly version: string
  /** Exit code of a wrong command line. */
  readonly usageExitCode: number
  /** Exit code of a command word that does not exist. */
  readonly unknownCommandExitCode: number
  /** Globals that may also follow the command word. */
  readonly everywhere: readonly string[]
  /** A command ended by SIGTERM exits like one ended by SIGINT (130) rather than with 143. */
  readonly termCountsAsInterrupt?: boolean
}

// Scripts compare these with what the ancestors had; the build says whose program it is.
const machineVersion = '0.16.2'
const swarmVersion = '1.2.9'
/** The Compose release whose behaviour `docker-compose` follows. */
export const composeVersion = '2.40.3'

const build = `flotilla-${programVersion}`

export const dockerMachine: Personality = {
  program: 'docker-machine',
  id: 'docker-machine',
  dialect: 'goflag',
  help: 'machine',
  everywhere: ['debug'],
  purpose: 'Make Docker hosts and look after them.',
  version: `${machineVersion}, build ${build}`,
  versionText: `docker-machine version ${machineVersion}, build ${build}`,
  usageExitCode: 1,
  unknownCommandExitCode: 1,
}

export const swarm: Personality = {
  program: 'swarm',
  id: 'swarm',
  dialect: 'goflag',
  help: 'swarm',
  everywhere: [],
  purpose: 'A Docker-native clustering system',
  version: `${swarmVersion} (${build})`,
  versionText: `swarm version ${swarmVersion} (${build})`,
  usageExitCode: 1,
  // classicswarm: `No help topic for 'X'` and exit code 0.
  unknownCommandExitCode: 0,
}

export const dockerCompose: Personality = {
  program: 'docker-compose',
  title: 'docker compose',
  id: 'docker-compose',
  dialect: 'pflag',
  help: 'docker',
  everywhere: ['dry-run'],
  purpose: 'Run projects of several containers, as Compose files describe them',
  version: `v${composeVersion}`,
  versionText: `Docker Compose version v${composeVersion}`,
  usageExitCode: 1,
  unknownCommandExitCode: 1,
  termCountsAsInterrupt: true,
}

export const flotilla: Personality = {
  program: 'flotilla',
  id: 'flotilla',
  dialect: 'pflag',
  help: 'docker',
  everywhere: ['debug', 'dry-run'],
  purpose: 'The Docker API for your whole fleet',
  version: programVersion,
  versionText: `flotilla version ${programVersion}, build ${programCommit()}`,
  usageExitCode: 2,
  unknownCommandExitCode: 2,
}

/** The program's name in help and messages. */
export function programName(personality: Personality): string {
  return personality.title ?? personality.program
}
