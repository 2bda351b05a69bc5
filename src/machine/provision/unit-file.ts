import { FlotillaError } from '../../core/errors.ts'
import { quoteShell, quoteShellWords } from '../../core/shell-quote.ts'
import type { EngineSetup } from '../driver.ts'
import type { HostOptions, StoredList } from '../host.ts'

/** Texts that configure an engine on a host. Pure: options in, text out. */

/** Where the certificates lie on a host. */
export const hostOptionsDir = '/etc/docker' as const

/**
 * Arguments of dockerd in docker-machine's order (docker/machine libmachine/provision). A storage driver is
 * named only when the user asked for one: naming it keeps new engines from their containerd image store.
 *
 * @param port of the engine's TCP address
 */
export function renderEngineArgs(options: HostOptions, driverName: string, port: number): readonly string[] {
  const engine = options.EngineOptions
  const repeat = (flag: string, values: StoredList): readonly string[] =>
    (values ?? []).flatMap((value) => [flag, value])
  return [
    '-H',
    `tcp://0.0.0.0:${port}`,
    '-H',
    'unix:///var/run/docker.sock',
    ...(engine.StorageDriver === '' ? [] : ['--storage-driver', engine.StorageDriver]),
    '--tlsverify',
    '--tlscacert',
    `${hostOptionsDir}/ca.pem`,
    '--tlscert',
    `${hostOptionsDir}/server.pem`,
    '--tlskey',
    `${hostOptionsDir}/server-key.pem`,
    ...repeat('--label', engine.Labels),
    '--label',
    `provider=${driverName}`,
    ...repeat('--insecure-registry', engine.InsecureRegistry),
    ...repeat('--registry-mirror', engine.RegistryMirror),
    ...(engine.ArbitraryFlags ?? []).flatMap(renderFlag),
  ]
}

/** docker-machine put flags on one line: in its records a blank stands where an equals sign does, too. */
function renderFlag(flag: string): readonly string[] {
  const bare = flag.replace(/^-+/, '')
  const dashes = /^\w(?:[ \t=]|$)/.test(bare) ? '-' : '--'
  const [, name, value] = /^([\w-]+)[ \t]+(.*)$/s.exec(bare) ?? []
  return name === undefined || value === undefined ? [`${dashes}${bare}`] : [`${dashes}${name}`, value]
}

/** The same setup for a host that keeps its certificates in another folder. */
export function relocateSetup(setup: EngineSetup, folder: string): EngineSetup {
  if (folder === hostOptionsDir) return setup
  const move = (path: string): string =>
    path.startsWith(`${hostOptionsDir}/`) ? `${folder}${path.slice(hostOptionsDir.length)}` : path
  return {
    ...setup,
    args: setup.args.map((arg, index) => (setup.args[index - 1]?.startsWith('--tls') === true ? move(arg) : arg)),
    files: setup.files.map((file) => ({ ...file, path: move(file.path) })),
  }
}

/** Flags of dockerd whose setting in `daemon.json` has another name. */
const pluralSettings: Readonly<Record<string, string>> = {
  H: 'hosts',
  host: 'hosts',
  label: 'labels',
  'insecure-registry': 'insecure-registries',
  'registry-mirror': 'registry-mirrors',
  'storage-opt': 'storage-opts',
  'exec-opt': 'exec-opts',
  'log-opt': 'log-opts',
  'dns-opt': 'dns-opts',
  'authorization-plugin': 'authorization-plugins',
  'default-ulimit': 'default-ulimits',
  'default-address-pool': 'default-address-pools',
  'add-runtime': 'runtimes',
  'node-generic-resource': 'node-generic-resources',
}

/** Settings of `daemon.json` that these arguments give too: the engine refuses to start when both are there. */
export function listSettings(args: readonly string[]): readonly string[] {
  const names = args.flatMap((arg) => {
    const match = /^--?([A-Za-z][\w-]*)(?:=|$)/.exec(arg)
    return match === null ? [] : [pluralSettings[match[1] ?? ''] ?? match[1] ?? '']
  })
  return [...new Set(['hosts', 'tls', ...names])]
}

/** How dockerd is started. */
export interface DaemonCommand {
  /** Absolute path of dockerd on the host. */
  readonly program: string
  readonly args: readonly string[]
  /** `K=V` pairs. */
  readonly env: readonly string[]
}

/** A drop-in for `docker.service` that replaces its command line and adds to its environment. */
export function renderDropIn(command: DaemonCommand): string {
  const words = [command.program, ...command.args].map(quoteSystemd)
  const lines = ['[Service]', 'ExecStart=', `ExecStart=${words.join(' ')}`]
  if (command.env.length > 0) lines.push(`Environment=${command.env.map(quoteEnvironment).join(' ')}`)
  return `${lines.join('\n')}\n`
}

/** One word of an `Exec…=` line: `%` and `$` are expanded by systemd even inside quotes. */
function quoteSystemd(word: string): string {
  const escaped = escapeQuoted(word).replaceAll('$', '$$$$')
  return /^[A-Za-z0-9_@+=:,./-]+$/.test(word) ? word : `"${escaped}"`
}

/** One assignment of an `Environment=` line, where `$` has no meaning. */
function quoteEnvironment(pair: string): string {
  return `"${escapeQuoted(pair)}"`
}

function escapeQuoted(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('%', '%%')
}

/** Settings of the service `docker` of OpenRC, which evaluates them once more when it starts the engine. */
export function renderOpenRc(command: DaemonCommand): string {
  return [
    `DOCKERD_BINARY=${quoteShell(command.program)}`,
    `DOCKER_OPTS=${quoteShell(quoteShellWords(command.args))}`,
    ...command.env.flatMap(renderExport),
    '',
  ].join('\n')
}

/**
 * Settings of boot2docker's engine script, which adds TLS by itself and splits its extra arguments at blanks.
 *
 * @throws {machine/provision} for an argument that cannot be handed over that way
 */
export function renderBoot2docker(command: DaemonCommand, folder: string): string {
  const extra: string[] = []
  let host = ''
  let storage = ''
  for (let index = 0; index < command.args.length; index += 1) {
    const arg = command.args[index] ?? ''
    const value = command.args[index + 1] ?? ''
    if (arg.startsWith('--tls')) {
      if (!value.startsWith('-')) index += 1
    } else if (arg === '-H') {
      if (value.startsWith('tcp:')) host = `-H ${value}`
      index += 1
    } else if (arg === '--storage-driver') {
      storage = value
      index += 1
    } else {
      extra.push(arg)
    }
  }
  const odd = extra.find((arg) => /[\s'*?[\\]/.test(arg))
  if (odd !== undefined) {
    const text = `boot2docker cannot hand ${JSON.stringify(odd)} to its engine: it splits options at blanks`
    throw new FlotillaError('machine/provision', text)
  }
  return [
    `EXTRA_ARGS=${quoteShell(extra.join(' '))}`,
    `CACERT=${folder}/ca.pem`,
    `DOCKER_HOST=${quoteShell(host)}`,
    `DOCKER_STORAGE=${quoteShell(storage)}`,
    'DOCKER_TLS=auto',
    `SERVERKEY=${folder}/server-key.pem`,
    `SERVERCERT=${folder}/server.pem`,
    ...command.env.flatMap(renderExport),
    '',
  ].join('\n')
}

/** What is no variable is passed over, as systemd does; older records hold anything. */
function renderExport(pair: string): readonly string[] {
  const at = pair.indexOf('=')
  return isVariable(pair) ? [`export ${pair.slice(0, at)}=${quoteShell(pair.slice(at + 1))}`] : []
}

/** True for `NAME=VALUE` with a name that a shell and systemd take. */
export function isVariable(pair: string): boolean {
  return /^[A-Za-z_]\w*=/.test(pair)
}

/** Files of a host without an init system. */
export const supervisorPaths = {
  script: '/etc/docker/flotilla-engine.sh',
  pid: '/run/flotilla-engine.pid',
  log: '/var/log/flotilla-engine.log',
} as const

/**
 * A shell script that stands in for an init system: it runs dockerd, starts it again when it ends, and
 * passes on SIGTERM.
 */
export function renderSupervisor(command: DaemonCommand): string {
  return [
    '#!/bin/sh',
    '# Keeps the Docker engine running on a host without an init system. Written by Flotilla.',
    'export PATH="${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"',
    ...command.env.flatMap(renderExport),
    'engine=',
    'finish() {',
    '  [ -n "$engine" ] && kill -TERM "$engine" 2>/dev/null && wait "$engine"',
    `  rm -f ${supervisorPaths.pid}`,
    '  exit 0',
    '}',
    'trap finish TERM INT',
    `echo "$$" > ${supervisorPaths.pid}`,
    'while :; do',
    '  # What a crash leaves behind keeps dockerd from starting.',
    '  rm -f /var/run/docker.pid /run/docker/containerd/containerd.pid',
    `  ${quoteShellWords([command.program, ...command.args])} &`,
    '  engine=$!',
    '  wait "$engine"',
    '  sleep 2',
    'done',
    '',
  ].join('\n')
}
