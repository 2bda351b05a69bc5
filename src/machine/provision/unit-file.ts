import { quoteShell, quoteShellWords } from '../../core/shell-quote.ts'
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
    ...(engine.ArbitraryFlags ?? []).map((flag) => `--${flag}`),
  ]
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
  const exports = command.env.map((pair) => {
    const at = pair.indexOf('=')
    return `export ${pair.slice(0, at)}=${quoteShell(pair.slice(at + 1))}`
  })
  return [
    '#!/bin/sh',
    '# Keeps the Docker engine running on a host without an init system. Written by Flotilla.',
    'export PATH="${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}"',
    ...exports,
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
