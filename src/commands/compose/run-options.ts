import { posix } from 'node:path'
import type { FlagValues } from '../../core/flag.ts'
import { FlotillaError } from '../../core/errors.ts'
import { failedToRead, parseEnvFile } from '../../compose/load/env-file.ts'
import { readWithin } from '../../compose/load/limits.ts'
import type { LoadLimits } from '../../compose/load/limits.ts'
import type { Files } from '../../compose/load/options.ts'
import { splitWords } from '../../compose/load/shell-words.ts'
import { parsePort } from '../../compose/load/short-port.ts'
import { parseVolume } from '../../compose/load/short-volume.ts'
import { makeDictionary } from '../../compose/model/dictionary.ts'
import type { Dictionary } from '../../compose/model/dictionary.ts'
import type { Mount } from '../../compose/model/mount.ts'
import type { Port } from '../../compose/model/service.ts'
import type { OneOffChange } from '../../compose/plan/one-off.ts'
import type { runFlags } from './process-table.ts'
import { parsePull } from './up-options.ts'

export type RunFlags = FlagValues<typeof runFlags>

/** What flags are read against. */
export interface RunSurroundings {
  readonly cwd: string
  /** The variables of the project: process and `.env`. */
  readonly variables: Dictionary<string>
  readonly home: string | undefined
  readonly files: Pick<Files, 'readText'>
  readonly limits: LoadLimits
  readonly isTty: boolean
  readonly warn: (message: string) => void
}

/** Flags that exclude each other, in the reference program's words (docker/compose cmd/compose/run.go). */
export function checkRunFlags(flags: RunFlags): void {
  if (flags.publish.length > 0 && flags['service-ports']) {
    throw new FlotillaError('cli/usage', '--service-ports and --publish are incompatible')
  }
  if (flags.given('tty') && flags.given('no-TTY')) {
    throw new FlotillaError('cli/usage', "--tty and --no-TTY can't be used together")
  }
}

/** What the flags and the words after the service say about the container. */
export function toOneOffChange(flags: RunFlags, command: readonly string[], o: RunSurroundings): OneOffChange {
  const pull = parsePull(flags.pull, flags.build)
  return {
    isTty: o.isTty,
    isInteractive: flags.interactive,
    command,
    ...(flags.entrypoint !== undefined && { entrypoint: readEntrypoint(flags.entrypoint) }),
    ports: flags['service-ports'] ? 'service' : flags.publish.flatMap(readPorts),
    volumes: flags.volume.map((spec) => readMount(spec, o)),
    environment: readEnvironment(flags, o),
    labels: makeDictionary(flags.label.map(readLabel)),
    capAdd: flags['cap-add'],
    capDrop: flags['cap-drop'],
    ...(flags.user !== undefined && { user: flags.user }),
    ...(flags.workdir !== undefined && { workingDir: flags.workdir }),
    ...(pull !== 'policy' && { pullPolicy: pull }),
  }
}

function readEntrypoint(text: string): readonly string[] {
  const words = splitWords(text)
  if (words === undefined) {
    throw new FlotillaError('cli/invalid-value', `invalid --entrypoint "${text}": invalid command line string`)
  }
  return words
}

function readPorts(spec: string): readonly Port[] {
  const ports = parsePort(spec)
  if ('reason' in ports) throw new FlotillaError('cli/invalid-value', ports.reason)
  return ports.map((port) => ({
    mode: 'ingress',
    ...(port.hostIp !== '' && { host_ip: port.hostIp }),
    target: port.target,
    ...(port.published !== '' && { published: port.published }),
    protocol: port.protocol,
  }))
}

/** A path is relative to where the user is, as for `docker run`. */
function readMount(spec: string, o: RunSurroundings): Mount {
  const mount = parseVolume(spec)
  if ('reason' in mount) throw new FlotillaError('cli/invalid-value', mount.reason)
  const isBound = mount.isBind || mount.propagation !== undefined || mount.selinux !== undefined
  const source = mount.isBind ? toAbsolute(mount.source, o) : mount.source
  return {
    type: mount.isBind ? 'bind' : 'volume',
    ...(source !== '' && { source }),
    target: posix.normalize(mount.target).replace(/(?<=.)\/$/, ''),
    ...(mount.readOnly && { read_only: true }),
    ...(isBound && {
      bind: {
        ...(mount.selinux !== undefined && { selinux: mount.selinux as 'z' | 'Z' }),
        ...(mount.propagation !== undefined && { propagation: mount.propagation }),
        ...(mount.isBind && { create_host_path: true }),
      },
    }),
    ...(mount.nocopy && { volume: { nocopy: true } }),
  }
}

function toAbsolute(source: string, { cwd, home }: RunSurroundings): string {
  if (/^(?:\\\\|\p{L}:)/u.test(source)) return source
  const path = /^~(?:\/|$)/.test(source) && home !== undefined ? `${home}${source.slice(1)}` : source
  return posix.resolve(cwd, path)
}

/**
 * Files first, in order; what stands on the line wins. `KEY` alone takes the value it has here, and says nothing where
 * it has none: the service's own stays.
 */
function readEnvironment(flags: RunFlags, o: RunSurroundings): Dictionary<string> {
  const found = makeDictionary<string>()
  for (const name of flags['env-from-file']) {
    const path = posix.resolve(o.cwd, name)
    const text = readWithin(o.files, path, 'envFileBytes', o.limits)
    if (text === undefined) {
      throw new FlotillaError('compose/not-found', `open ${path}: no such file or directory`)
    }
    try {
      parseEnvFile(text, found, { lookUp: (key) => o.variables[key], limits: o.limits, warn: o.warn })
    } catch (error) {
      throw failedToRead(path, error)
    }
  }
  const environment = makeDictionary(Object.entries(found))
  for (const entry of flags.env) {
    const equals = entry.indexOf('=')
    const value = equals === -1 ? o.variables[entry] : entry.slice(equals + 1)
    if (value !== undefined) environment[equals === -1 ? entry : entry.slice(0, equals)] = value
  }
  return environment
}

function readLabel(text: string): readonly [string, string] {
  const equals = text.indexOf('=')
  if (equals === -1) throw new FlotillaError('cli/invalid-value', 'label must be set as KEY=VALUE')
  return [text.slice(0, equals), text.slice(equals + 1)]
}
