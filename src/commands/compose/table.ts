import type { Command } from '../../cli/command.ts'
import type { FlagTable } from '../../core/flag.ts'
import { alphaCommand } from './alpha-table.ts'
import { bridgeCommand } from './bridge/bridge-table.ts'
import { configCommand } from './config-table.ts'
import { imageCommands } from './image-table.ts'
import { lifecycleCommands } from './lifecycle-table.ts'
import { processCommands } from './process-table.ts'
import { publishCommand } from './publish-table.ts'
import { upCommands } from './up-table.ts'
import { versionCommand } from './version-table.ts'
import { viewCommands } from './view-table.ts'
import { watchCommand } from './watch-table.ts'

const missingValue = "flag needs an argument: '%s'"

/** Flags that stand before the command word. */
export const composeGlobals: FlagTable = {
  'all-resources': { kind: 'boolean', brief: 'Keep networks, volumes, secrets and configs that no service uses' },
  ansi: {
    kind: 'string',
    brief: 'Colours and cursor movement in the output: never, always or auto',
    default: 'auto',
    env: ['COMPOSE_ANSI'],
    placeholder: 'string',
    complete: ['auto', 'always', 'never'],
  },
  compatibility: {
    kind: 'boolean',
    brief: 'Name containers with _ in place of -, as COMPOSE_COMPATIBILITY does; config adds nothing implied',
  },
  'dry-run': { kind: 'boolean', brief: 'Show what would be done, change nothing' },
  'env-file': {
    kind: 'strings',
    brief: 'File of variables, in place of .env; of several, later ones win',
    placeholder: 'stringArray',
    complete: 'file',
  },
  file: {
    kind: 'strings',
    short: 'f',
    brief: 'Compose file, - for stdin; of several, later ones are merged onto earlier ones',
    placeholder: 'stringArray',
    complete: 'yaml-file',
  },
  'insecure-registry': {
    kind: 'strings',
    brief: 'Registry of oci:// files that speaks no TLS',
    hidden: true,
    complete: 'none',
  },
  parallel: {
    kind: 'integer',
    brief: 'Most engine calls at once; -1 stands for 64',
    default: -1,
    placeholder: 'int',
  },
  profile: { kind: 'strings', brief: 'Profile to turn on; * for all', placeholder: 'stringArray', complete: 'profile' },
  progress: {
    kind: 'string',
    brief: 'How progress is shown: auto, tty, plain, json or quiet',
    env: ['COMPOSE_PROGRESS'],
    placeholder: 'string',
    complete: ['auto', 'tty', 'plain', 'json', 'quiet'],
  },
  'project-directory': {
    kind: 'string',
    brief: 'Folder that relative paths start from (default: that of the first Compose file)',
    placeholder: 'string',
    complete: 'folder',
  },
  'project-name': {
    kind: 'string',
    short: 'p',
    brief: 'Name of the project',
    placeholder: 'string',
    complete: 'project',
  },
  workdir: {
    kind: 'string',
    brief: 'Old name of --project-directory',
    hidden: true,
    // Red wherever it is written, as in the reference program.
    deprecated:
      "\u001B[31moption '--workdir' is DEPRECATED at root level! Please use '--project-directory' instead.\u001B[0m",
    complete: 'folder',
  },
  'no-ansi': {
    kind: 'boolean',
    brief: 'Old form of --ansi never',
    hidden: true,
    deprecated: "option '--no-ansi' is DEPRECATED ! Please use '--ansi' instead.",
  },
  // Compose v2 cmd/compatibility/convert.go: the engine connection may stand on docker-compose's own line.
  debug: { kind: 'boolean', short: 'D', aliases: ['verbose'], brief: 'Log what is done in detail', hidden: true },
  host: { kind: 'string', short: 'H', brief: 'Address of the engine', hidden: true, missingValue, complete: 'none' },
  context: {
    kind: 'string',
    short: 'c',
    brief: 'Docker context that names the engine',
    hidden: true,
    missingValue,
    complete: 'none',
  },
  'log-level': {
    kind: 'string',
    short: 'l',
    brief: 'Least serious lines to log',
    hidden: true,
    missingValue,
    complete: ['debug', 'info', 'warn', 'error', 'fatal'],
  },
  tls: { kind: 'boolean', brief: 'Speak TLS to the engine', hidden: true },
  tlsverify: { kind: 'boolean', brief: 'Speak TLS and check the certificate of the engine', hidden: true },
  tlscacert: {
    kind: 'string',
    brief: 'File of the CA that signed the certificate of the engine',
    hidden: true,
    missingValue,
  },
  tlscert: { kind: 'string', brief: 'File of our own certificate', hidden: true, missingValue },
  tlskey: { kind: 'string', brief: 'File of the key of --tlscert', hidden: true, missingValue },
  'skip-hostname-check': { kind: 'boolean', brief: 'Accepted and ignored', hidden: true },
}

/** In the order of the help page: that of the alphabet, old names last. */
export const composeCommands: readonly Command[] = [
  alphaCommand,
  bridgeCommand,
  configCommand,
  ...imageCommands,
  ...lifecycleCommands,
  ...processCommands,
  publishCommand,
  ...upCommands,
  versionCommand,
  ...viewCommands,
  watchCommand,
].sort((a, b) => (a.name < b.name ? -1 : 1))
