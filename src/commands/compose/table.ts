import type { Command } from '../../cli/command.ts'
import type { FlagTable } from '../../core/flag.ts'
import { configCommand } from './config-table.ts'
import { lifecycleCommands } from './lifecycle-table.ts'
import { versionCommand } from './version-table.ts'

const missingValue = "flag needs an argument: '%s'"

/** Flags that stand before the command word. */
export const composeGlobals: FlagTable = {
  'all-resources': { kind: 'boolean', brief: 'Include all resources, even those not used by services' },
  ansi: {
    kind: 'string',
    brief: 'Control when to print ANSI control characters ("never"|"always"|"auto")',
    default: 'auto',
    env: ['COMPOSE_ANSI'],
    placeholder: 'string',
  },
  compatibility: {
    kind: 'boolean',
    brief: 'Run compose in backward compatibility mode',
    env: ['COMPOSE_COMPATIBILITY'],
  },
  'dry-run': { kind: 'boolean', brief: 'Execute command in dry run mode' },
  'env-file': { kind: 'strings', brief: 'Specify an alternate environment file', placeholder: 'stringArray' },
  file: { kind: 'strings', short: 'f', brief: 'Compose configuration files', placeholder: 'stringArray' },
  parallel: {
    kind: 'integer',
    brief: 'Control max parallelism, -1 for unlimited',
    default: -1,
    placeholder: 'int',
  },
  profile: { kind: 'strings', brief: 'Specify a profile to enable', placeholder: 'stringArray' },
  progress: {
    kind: 'string',
    brief: 'Set type of progress output (auto, tty, plain, json, quiet)',
    env: ['COMPOSE_PROGRESS'],
    placeholder: 'string',
  },
  'project-directory': {
    kind: 'string',
    brief: 'Specify an alternate working directory (default: the path of the first Compose file)',
    placeholder: 'string',
  },
  'project-name': { kind: 'string', short: 'p', brief: 'Project name', placeholder: 'string' },
  workdir: {
    kind: 'string',
    brief: 'Old name of --project-directory',
    hidden: true,
    deprecated: 'Flag --workdir has been deprecated, please use --project-directory instead',
  },
  'no-ansi': {
    kind: 'boolean',
    brief: 'Old form of --ansi never',
    hidden: true,
    deprecated: 'option "--no-ansi" is DEPRECATED ! Please use "--ansi" instead.',
  },
  // Compose v2 cmd/compatibility/convert.go: the engine connection may stand on docker-compose's own line.
  debug: { kind: 'boolean', short: 'D', aliases: ['verbose'], brief: 'Enable debug mode', hidden: true },
  host: { kind: 'string', short: 'H', brief: 'Daemon socket to connect to', hidden: true, missingValue },
  context: { kind: 'string', short: 'c', brief: 'Name of the docker context to use', hidden: true, missingValue },
  'log-level': { kind: 'string', short: 'l', brief: 'Set the logging level', hidden: true, missingValue },
  tls: { kind: 'boolean', brief: 'Use TLS; implied by --tlsverify', hidden: true },
  tlsverify: { kind: 'boolean', brief: 'Use TLS and verify the remote', hidden: true },
  tlscacert: { kind: 'string', brief: 'Trust certs signed only by this CA', hidden: true, missingValue },
  tlscert: { kind: 'string', brief: 'Path to TLS certificate file', hidden: true, missingValue },
  tlskey: { kind: 'string', brief: 'Path to TLS key file', hidden: true, missingValue },
  'skip-hostname-check': { kind: 'boolean', brief: 'Accepted for classic command lines', hidden: true },
}

/** In the order of the help page. */
export const composeCommands: readonly Command[] = [configCommand, ...lifecycleCommands, versionCommand]
