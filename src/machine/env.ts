import { FlotillaError } from '../core/errors.ts'

/**
 * What `env` prints: lines that a shell evaluates. Pure; docker/machine commands/env.go holds every
 * spelling, oddities included, because profiles and scripts evaluate them.
 */

/** A variable to set, or to unset when it has no value. */
export interface ShellVariable {
  readonly name: string
  readonly value?: string
}

interface Dialect {
  readonly set: (name: string, value: string) => string
  readonly unset: (name: string) => string
  readonly comment: string
  readonly command: (line: string) => string
}

const bourne: Dialect = {
  set: (name, value) => `export ${name}="${escapeDouble(value)}"`,
  unset: (name) => `unset ${name}`,
  comment: '#',
  command: (line) => `eval $(${line})`,
}

const dialects: ReadonlyMap<string, Dialect> = new Map([
  [
    'fish',
    {
      // A backslash before a backquote would stay.
      set: (name, value) => `set -gx ${name} "${value.replace(/["$\\]/g, '\\$&')}";`,
      unset: (name) => `set -e ${name};`,
      comment: '#',
      command: (line) => `eval (${line})`,
    },
  ],
  [
    'powershell',
    {
      set: (name, value) => `$Env:${name} = "${escapePowershell(value)}"`,
      unset: (name) => `Remove-Item Env:\\\\${name}`,
      comment: '#',
      command: (line) => `& ${line} | Invoke-Expression`,
    },
  ],
  [
    'cmd',
    {
      // Otherwise what is behind a `&` would be a command.
      set: (name, value) => (/[&|<>^]/.test(value) ? `SET "${name}=${value}"` : `SET ${name}=${value}`),
      unset: (name) => `SET ${name}=`,
      comment: 'REM',
      command: (line) => `\t@FOR /f "tokens=*" %i IN ('${line}') DO @%i`,
    },
  ],
  [
    'tcsh',
    {
      // Inside double quotes nothing would keep these from being expanded.
      set: (name, value) => `setenv ${name} ${/[$`!"]/.test(value) ? quoteTcsh(value) : `"${value}"`};`,
      unset: (name) => `unsetenv ${name};`,
      comment: ':',
      command: (line) => `eval \`${line}\``,
    },
  ],
  [
    'emacs',
    {
      set: (name, value) => `(setenv "${name}" "${value.replace(/["\\]/g, '\\$&')}")`,
      unset: (name) => `(setenv "${name}" nil)`,
      comment: ';;',
      command: (line) => `(with-temp-buffer (shell-command "${line}" (current-buffer)) (eval-buffer))`,
    },
  ],
  // These three are not docker-machine's.
  [
    'pwsh',
    {
      set: (name, value) => `$Env:${name} = "${escapePowershell(value)}"`,
      unset: (name) => `Remove-Item Env:${name} -ErrorAction SilentlyContinue`,
      comment: '#',
      command: (line) => `& ${line} | Out-String | Invoke-Expression`,
    },
  ],
  [
    'nu',
    {
      set: (name, value) => `$env.${name} = ${JSON.stringify(value)}`,
      unset: (name) => `hide-env --ignore-errors ${name}`,
      comment: '#',
      // Nushell evaluates nothing at run time: a file is the way.
      command: (line) => `${line} | save --force ~/.docker-machine.nu; source ~/.docker-machine.nu`,
    },
  ],
  [
    'xonsh',
    {
      set: (name, value) => `$${name} = ${JSON.stringify(value)}`,
      unset: (name) => `\${...}.pop(${JSON.stringify(name)}, None)`,
      comment: '#',
      command: (line) => `execx($(${line}))`,
    },
  ],
])

/** Characters that are special inside double quotes; plain values come out as they always did. */
function escapeDouble(value: string): string {
  return value.replace(/["$`\\]/g, '\\$&')
}

function escapePowershell(value: string): string {
  return value.replace(/["$`]/g, '`$&')
}

function quoteTcsh(value: string): string {
  return `'${value.replaceAll("'", "'\\''").replaceAll('!', '\\!')}'`
}

/**
 * @param shell as named by the user or found in `$SHELL`; any unknown one is taken for a Bourne shell
 * @param words the command line as typed; the program's name is quoted when it holds a blank or backslash
 */
export function renderEnv(shell: string, variables: readonly ShellVariable[], words: readonly string[]): string {
  const dialect = dialects.get(shell) ?? dialects.get(aliases.get(shell) ?? '') ?? bourne
  const [program = '', ...rest] = words
  const quoted = /[ \\]/.test(program) ? `"${program}"` : program
  const lines = variables.map(({ name, value }) =>
    value === undefined ? dialect.unset(name) : dialect.set(name, value),
  )
  return [
    ...lines,
    `${dialect.comment} Run this command to configure your shell: `,
    `${dialect.comment} ${dialect.command([quoted, ...rest].join(' '))}`,
    '',
  ].join('\n')
}

const aliases: ReadonlyMap<string, string> = new Map([
  ['nushell', 'nu'],
  ['csh', 'tcsh'],
])

type Env = Readonly<Record<string, string | undefined>>

/** The shell to write for: what was asked for, else what `$SHELL` names, else `sh`, on Windows `cmd`. */
export function findShell(asked: string, env: Env, isWindows: boolean): string {
  if (asked !== '') return asked
  const named = env['SHELL'] ?? ''
  if (isWindows && (env['__fish_bin_dir'] ?? '') !== '') return 'fish'
  if (named === '') return isWindows ? 'cmd' : 'sh'
  return (named.split(/[/\\]/).at(-1) ?? named).replace(/\.exe$/i, '')
}

/** The proxy exception that lets the engine be reached directly: name of the variable and its new value. */
export function addNoProxy(env: Env, address: string): ShellVariable & { readonly value: string } {
  const { name, value } = findNoProxy(env)
  if (value === '') return { name, value: address }
  // 10.0.0.1 is not in a list because 10.0.0.12 is.
  const isListed = value.split(',').some((entry) => entry.trim() === address)
  return { name, value: isListed ? value : `${value},${address}` }
}

/** `no_proxy` when it is set and not empty, else `NO_PROXY`. */
export function findNoProxy(env: Env): { readonly name: string; readonly value: string } {
  const lower = env['no_proxy'] ?? ''
  return lower === '' ? { name: 'NO_PROXY', value: env['NO_PROXY'] ?? '' } : { name: 'no_proxy', value: lower }
}

/** What a shell has to know to reach a machine's engine. */
export interface MachineFacts {
  readonly name: string
  readonly dockerHost: string
  readonly certPath: string
  readonly isWindows: boolean
  /** The engine speaks without TLS. */
  readonly isPlain?: boolean
}

/** Variables that point the docker CLI at a machine, in docker-machine's order. */
export function toVariables(facts: MachineFacts): readonly ShellVariable[] {
  if (facts.dockerHost === '') throw new FlotillaError('machine/state', 'Host is not running')
  if (facts.isPlain === true || /^(?:unix|ssh|npipe):/.test(facts.dockerHost)) {
    // Left over from another machine these would make clients look for certificates.
    const cleared = [{ name: 'DOCKER_TLS_VERIFY' }, { name: 'DOCKER_CERT_PATH' }]
    return [
      ...cleared,
      { name: 'DOCKER_HOST', value: facts.dockerHost },
      { name: 'DOCKER_MACHINE_NAME', value: facts.name },
    ]
  }
  return [
    { name: 'DOCKER_TLS_VERIFY', value: '1' },
    { name: 'DOCKER_HOST', value: facts.dockerHost },
    { name: 'DOCKER_CERT_PATH', value: facts.certPath },
    { name: 'DOCKER_MACHINE_NAME', value: facts.name },
    ...(facts.isWindows ? [{ name: 'COMPOSE_CONVERT_WINDOWS_PATHS', value: 'true' }] : []),
  ]
}

/** The same variables, to be unset. */
export function toUnset(isWindows: boolean, noProxy: string | undefined): readonly ShellVariable[] {
  const names = ['DOCKER_TLS_VERIFY', 'DOCKER_HOST', 'DOCKER_CERT_PATH', 'DOCKER_MACHINE_NAME']
  if (isWindows) names.push('COMPOSE_CONVERT_WINDOWS_PATHS')
  if (noProxy !== undefined) names.push(noProxy)
  return names.map((name) => ({ name }))
}
