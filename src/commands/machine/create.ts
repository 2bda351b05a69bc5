import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import type { KeyKind } from '../../io/certificates.ts'
import { createHost, resumeHost } from '../../machine/create.ts'
import type { CertificatePaths, CreateContext, HostWanted } from '../../machine/create.ts'
import type { DriverOptions } from '../../machine/driver.ts'
import type { EngineOptions, SwarmOptions } from '../../machine/host.ts'
import { checkHostName } from '../../machine/host.ts'
import { loadDescriptor, openMachine, openStore, programWords, readGlobal } from './open-machine.ts'
import { makeProvisionContext } from './provision-context.ts'
import type { createFlags } from './create-flags.ts'

export type CreateFlags = FlagValues<typeof createFlags>

/** Makes a machine and leaves an engine that answers over TLS. */
export const run: Run<typeof createFlags> = async (ctx, flags, args) => {
  const name = await checkLine(ctx, flags, args)
  const o = { signal: ctx.signal }
  const createContext = await makeCreateContext(ctx, flags['tls-key-type'] === 'rsa' ? 'rsa' : 'ecdsa')
  if (flags.resume) {
    const { driverName } = await createContext.store.load(name)
    const descriptor = await loadDescriptor(ctx, driverName)
    await resumeHost(name, await descriptor.load(), createContext, o)
  } else {
    const join = flags['swarm-join']
    if (join !== '') await createContext.store.load(join)
    await createHost(await toWanted(ctx, flags, name), createContext, o)
  }
  ctx.log.info(
    `To see how to connect your Docker Client to the Docker Engine running on this virtual machine, run: ${programWords(ctx)} env ${name}`,
  )
}

/** What `create` makes a machine in. */
export async function makeCreateContext(ctx: Context, keyKind: KeyKind): Promise<CreateContext> {
  const store = openStore(ctx)
  return {
    ...(await makeProvisionContext(ctx, keyKind)),
    store,
    random: ctx.random,
    env: ctx.env,
    openMachine: (name) => openMachine(ctx, store, name),
  }
}

/** The machine that the flags of `create` describe. */
export async function toWanted(ctx: Context, flags: CreateFlags, name: string): Promise<HostWanted> {
  const descriptor = await loadDescriptor(ctx, flags.driver)
  return {
    name,
    driverName: descriptor.name,
    factory: await descriptor.load(),
    driverOptions: flags as unknown as DriverOptions,
    engine: toEngineOptions(flags),
    swarm: toSwarmOptions(flags),
    paths: toPaths(ctx),
    sans: flags['tls-san'],
    isRolledBack: flags.rollback,
  }
}

async function checkLine(ctx: Context, flags: CreateFlags, args: readonly string[]): Promise<string> {
  const [name, ...more] = args
  if (more.length > 0) {
    throw new FlotillaError('machine/usage', `Invalid command line. Found extra arguments [${more.join(' ')}]`)
  }
  if (name === undefined || name === '') {
    ctx.stdout.write(await ctx.helpPage())
    throw new FlotillaError('machine/usage', 'Error: No machine name specified')
  }
  checkHostName(name)
  const discovery = flags['swarm-discovery']
  if (discovery !== '' && !/^[^:]*:\/\/.*/.test(discovery)) {
    const text = `Error parsing swarm discovery: Swarm Discovery URL was in the wrong format: ${discovery}`
    throw new FlotillaError('machine/usage', text)
  }
  checkSwarm(flags)
  return name
}

/** @throws {machine/usage} */
export function checkSwarm(flags: CreateFlags): void {
  const isClassic = flags.swarm || flags['swarm-master']
  const mode = flags['swarm-mode']
  const problem = !['', 'manager', 'worker'].includes(mode)
    ? `--swarm-mode ${mode} is neither manager nor worker`
    : isClassic && flags['swarm-discovery'] === ''
      ? '--swarm and --swarm-master need --swarm-discovery: where the nodes of the Swarm are found'
      : isClassic && mode !== ''
        ? "--swarm-mode is Docker's own swarm and does not go with --swarm and --swarm-master"
        : mode === 'worker' && flags['swarm-join'] === ''
          ? '--swarm-mode worker needs --swarm-join MACHINE, a manager of the swarm'
          : mode === '' && flags['swarm-join'] !== ''
            ? '--swarm-join needs --swarm-mode manager or worker'
            : isClassic && !/^tcp:\/\/.*:\d{1,5}\/?$/.test(flags['swarm-host'])
              ? `--swarm-host ${flags['swarm-host']} is not of the form tcp://IP:PORT`
              : undefined
  if (problem !== undefined) throw new FlotillaError('machine/usage', problem)
}

function toEngineOptions(flags: CreateFlags): EngineOptions {
  return {
    ArbitraryFlags: flags['engine-opt'],
    Dns: null,
    GraphDir: '',
    Env: flags['engine-env'],
    Ipv6: false,
    InsecureRegistry: flags['engine-insecure-registry'],
    Labels: flags['engine-label'],
    LogLevel: '',
    StorageDriver: flags['engine-storage-driver'],
    SelinuxEnabled: false,
    TlsVerify: true,
    RegistryMirror: flags['engine-registry-mirror'],
    InstallURL: flags['engine-install-url'],
    ...(flags['engine-version'] !== '' && { EngineVersion: flags['engine-version'] }),
  }
}

function toSwarmOptions(flags: CreateFlags): SwarmOptions {
  return {
    IsSwarm: flags.swarm || flags['swarm-master'],
    Address: flags['swarm-addr'],
    Discovery: flags['swarm-discovery'],
    Agent: flags.swarm,
    Master: flags['swarm-master'],
    Host: flags['swarm-host'],
    Image: flags['swarm-image'],
    Strategy: flags['swarm-strategy'],
    Heartbeat: 0,
    Overcommit: 0,
    ArbitraryFlags: flags['swarm-opt'],
    ArbitraryJoinFlags: flags['swarm-join-opt'],
    Env: null,
    IsExperimental: flags['swarm-experimental'],
    ...(flags['swarm-mode'] !== '' && { Mode: flags['swarm-mode'] }),
    ...(flags['swarm-join'] !== '' && { Join: flags['swarm-join'] }),
  }
}

function toPaths(ctx: Context): CertificatePaths {
  const [caCert, caKey, clientCert, clientKey] = ['tls-ca-cert', 'tls-ca-key', 'tls-client-cert', 'tls-client-key'].map(
    (name) => readGlobal(ctx, name),
  )
  return {
    ...(caCert !== undefined && { caCert }),
    ...(caKey !== undefined && { caKey }),
    ...(clientCert !== undefined && { clientCert }),
    ...(clientKey !== undefined && { clientKey }),
  }
}
