import { promises as fs } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import type { CallOptions } from '../../../core/call.ts'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { goQuote } from '../../../core/goquote.ts'
import { dialTcp, joinHostPort } from '../../../io/dial.ts'
import { pathExists } from '../../../io/files.ts'
import { baseConfig, readInteger, readText } from '../../driver.ts'
import type { Driver, DriverConfig, DriverContext, DriverFactory, DriverOptions, HostState } from '../../driver.ts'

const defaultEnginePort = 2376
const defaultSshPort = 22
const stateTimeoutMs = 15_000

/** docker/machine drivers/generic: the host is there already; we log in, provision it and remember it. */
export const genericFactory: DriverFactory = {
  async configure(ctx, options) {
    const host = textOf(options, 'generic-ip-address')
    if (host === '') {
      throw new FlotillaError('machine/driver', 'generic driver requires the --generic-ip-address option')
    }
    if (!/^[^-\s/@][^\s/@]*$/.test(host)) {
      throw new FlotillaError(
        'machine/driver',
        `--generic-ip-address ${goQuote(host)} is neither an address nor a name`,
      )
    }
    return {
      ...baseConfig(ctx),
      IPAddress: host,
      SSHUser: userOf(options),
      SSHPort: portOf(options, 'generic-ssh-port', defaultSshPort),
      EnginePort: portOf(options, 'generic-engine-port', defaultEnginePort),
      SSHKey: textOf(options, 'generic-ssh-key'),
    }
  },
  create: (ctx, config) => genericDriver(ctx, config),
}

function genericDriver(ctx: DriverContext, initial: DriverConfig): Driver {
  let config = initial
  const host = readText(config, 'IPAddress')
  const sshPort = readInteger(config, 'SSHPort', defaultSshPort)
  const refuse = (action: string) => async (): Promise<never> => {
    throw new FlotillaError('machine/driver', `generic driver does not support ${action}`)
  }

  async function state(o: CallOptions): Promise<HostState> {
    try {
      const deadlineMs = Math.min(stateTimeoutMs, o.deadlineMs ?? stateTimeoutMs)
      await dialTcp({ host, port: sshPort }, { ...o, deadlineMs }, ctx.clock)
      return 'Running'
    } catch (error) {
      if (o.signal?.aborted === true) throw error
      return 'Stopped'
    }
  }

  return {
    precheck: () => checkKey(readText(config, 'SSHKey')),
    async create() {
      config = { ...config, SSHKeyPath: await importKey(ctx, readText(config, 'SSHKey')) }
    },
    state,
    start: refuse('start'),
    stop: refuse('stop'),
    kill: refuse('kill'),
    // Rebooting goes through a shell, which commands open: see `restartCommand`.
    restart: refuse('restart'),
    restartCommand: 'shutdown -r now',
    remove: async () => {},
    address: async () => host,
    ssh() {
      const keyPath = readText(config, 'SSHKeyPath')
      const user = readText(config, 'SSHUser')
      return { host, port: sshPort, user: user === '' ? 'root' : user, ...(keyPath !== '' && { keyPath }) }
    },
    async engineUrl() {
      const port = readInteger(config, 'EnginePort', defaultEnginePort)
      return `tcp://${joinHostPort({ host, port })}`
    },
    toConfig: () => config,
  }
}

async function checkKey(path: string): Promise<void> {
  if (path === '' || (await pathExists(expandHome(path)))) return
  throw new FlotillaError('machine/precheck', `SSH key does not exist: ${goQuote(path)}`)
}

/** Copies the user's key into the machine's folder, so that the machine still works when the original moves. */
async function importKey(ctx: DriverContext, path: string): Promise<string> {
  if (path === '') {
    ctx.log.info('No SSH key specified. Assuming an existing key at the default location.')
    return ''
  }
  ctx.log.info('Importing SSH key...')
  const source = expandHome(path)
  const target = join(ctx.machinePath, takenNames.has(basename(source)) ? 'id_rsa' : basename(source))
  try {
    await copyPrivate(source, target)
    if (await pathExists(`${source}.pub`)) await copyPrivate(`${source}.pub`, `${target}.pub`)
  } catch (error) {
    throw new FlotillaError('machine/driver', `unable to copy ssh key: ${toMessage(error)}`, { cause: error })
  }
  return target
}

/** Files that the store keeps beside the key. A key of such a name (EC2 users like `key.pem`) would be overwritten by them, or they by it. */
const takenNames: ReadonlySet<string> = new Set(
  'ca.pem cert.pem key.pem ca-key.pem server.pem server-key.pem config.json config.json.bak known_hosts'.split(' '),
)

async function copyPrivate(source: string, target: string): Promise<void> {
  await fs.writeFile(target, await fs.readFile(source), { mode: 0o600 })
}

function expandHome(path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path
}

function textOf(options: DriverOptions, name: string): string {
  const value = options[name]
  return typeof value === 'string' ? value : ''
}

function userOf(options: DriverOptions): string {
  const user = textOf(options, 'generic-ssh-user')
  if (/^[^-\s@]\S*$/.test(user)) return user
  throw new FlotillaError('machine/driver', `--generic-ssh-user ${goQuote(user)} is no user name`)
}

function portOf(options: DriverOptions, name: string, fallback: number): number {
  const value = options[name] ?? fallback
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536) return value
  throw new FlotillaError('machine/driver', `--${name} ${String(value)} is not a port number`)
}
