import { resolve } from 'node:path'
import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { goQuote } from '../../core/goquote.ts'
import { settleLimit } from '../../core/limit.ts'
import type { KeyKind } from '../../io/certificates.ts'
import { createHost, resumeHost } from '../../machine/create.ts'
import type { CertificatePaths, CreateContext, HostWanted } from '../../machine/create.ts'
import type { DriverOptions } from '../../machine/driver.ts'
import type { EngineOptions, SwarmOptions } from '../../machine/host.ts'
import { writeContext } from '../../machine/docker-context.ts'
import { hostLog } from '../../machine/host-log.ts'
import { checkHostName } from '../../machine/host.ts'
import { isVariable } from '../../machine/provision/unit-file.ts'
import { contextPlace } from './contexts.ts'
import { makeSecrets, withSecrets } from '../../machine/secrets.ts'
import { loadDescriptor, openFactory, openMachine, openStore, programWords, readGlobal } from './open-machine.ts'
import { flagsOf } from './driver-flags.ts'
import { makeProvisionContext } from './provision-context.ts'
import type { createFlags } from './create-flags.ts'

export type CreateFlags = FlagValues<typeof createFlags>

/** Makes machines, several side by side, and leaves engines that answer over TLS. */
export const run: Run<typeof createFlags> = async (ctx, flags, args) => {
  const names = await checkLine(ctx, flags, args)
  const createContext = await makeCreateContext(ctx, flags['tls-key-type'] === 'rsa' ? 'rsa' : 'ecdsa')
  const [first = ''] = names
  if (names.length === 1) return createOne(ctx, flags, createContext, first)
  const results = await settleLimit(names, flags.parallel, (name) =>
    createOne(ctx, flags, { ...createContext, log: hostLog(createContext.log, name) }, name),
  )
  const failed = results.flatMap((result) => (result.kind === 'failed' ? [result] : []))
  if (failed.length === 0) return
  if (ctx.signal.aborted) throw failed[0]?.error
  const [exitCode, ...otherCodes] = new Set(
    failed.map(({ error }) => (isFlotillaError(error) ? error.exitCode : undefined)),
  )
  const hints = failed.flatMap(({ error }) => (isFlotillaError(error) && error.hint !== undefined ? [error.hint] : []))
  throw new FlotillaError(
    'machine/driver',
    failed.map(({ item, error }) => `${item}: ${toMessage(error)}`).join('\n'),
    {
      cause: new AggregateError(failed.map(({ error }) => error)),
      ...(hints.length > 0 && { hint: hints.join('\n') }),
      ...(otherCodes.length === 0 && exitCode !== undefined && { exitCode }),
    },
  )
}

async function createOne(ctx: Context, flags: CreateFlags, createContext: CreateContext, name: string): Promise<void> {
  const o = { signal: ctx.signal }
  const { store, log } = createContext
  if (flags.resume) {
    const host = await store.load(name)
    const descriptor = await loadDescriptor(ctx, host.driverName)
    await resumeHost(name, await openFactory(ctx, await descriptor.load(), host), createContext, o)
  } else {
    const join = flags['swarm-join']
    if (join !== '') await store.load(join)
    await createHost(await toWanted(ctx, flags, name), createContext, o)
  }
  if (flags.context) {
    const { host, driver } = await openMachine(ctx, store, name)
    await writeContext(contextPlace(ctx), host, store.pathOf(name), await driver.engineUrl(o))
    log.info(`Docker context "${name}" points at it`)
  }
  log.info(
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
    factory: withSecrets(await descriptor.load(), makeSecrets(ctx.env), await flagsOf(descriptor)),
    driverOptions: flags as unknown as DriverOptions,
    engine: toEngineOptions(flags),
    swarm: toSwarmOptions(flags),
    paths: toPaths(ctx),
    sans: flags['tls-san'],
    isRolledBack: flags.rollback,
  }
}

async function checkLine(ctx: Context, flags: CreateFlags, args: readonly string[]): Promise<readonly string[]> {
  const names = [...new Set(args)]
  if (names.length === 0 || names.includes('')) {
    ctx.stdout.write(await ctx.helpPage())
    throw new FlotillaError('machine/usage', 'Error: No machine name specified')
  }
  for (const name of names) checkHostName(name)
  if (!Number.isInteger(flags.parallel) || flags.parallel < 1) {
    throw new FlotillaError('machine/usage', `--parallel ${flags.parallel} is not a number from 1 up`)
  }
  const discovery = flags['swarm-discovery']
  if (discovery !== '' && !/^[^:]*:\/\/.*/.test(discovery)) {
    const text = `Error parsing swarm discovery: Swarm Discovery URL was in the wrong format: ${discovery}`
    throw new FlotillaError('machine/usage', text)
  }
  checkCreateFlags(flags)
  return names
}

/**
 * Flags that do not go together, or hold what they cannot.
 *
 * @throws {machine/usage}
 */
export function checkCreateFlags(flags: CreateFlags): void {
  checkEnginePairs(flags)
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

/** @throws {machine/usage} */
export function checkEnginePairs(flags: Pick<CreateFlags, 'engine-env' | 'engine-label'>): void {
  const wrong = flags['engine-env'].find((pair) => !isVariable(pair))
  if (wrong !== undefined) {
    const name = wrong.split('=', 1)[0] ?? ''
    throw new FlotillaError('machine/usage', `--engine-env ${goQuote(name)} is not of the form NAME=VALUE`)
  }
  const label = flags['engine-label'].find((each) => !/^[^=]+=/.test(each))
  if (label === undefined) return
  throw new FlotillaError('machine/usage', `--engine-label ${goQuote(label)} is not of the form KEY=VALUE`)
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
  // The record is read in other folders too.
  const [caCert, caKey, clientCert, clientKey] = ['tls-ca-cert', 'tls-ca-key', 'tls-client-cert', 'tls-client-key']
    .map((name) => readGlobal(ctx, name))
    .map((path) => (path === undefined ? undefined : resolve(ctx.cwd, path)))
  return {
    ...(caCert !== undefined && { caCert }),
    ...(caKey !== undefined && { caKey }),
    ...(clientCert !== undefined && { clientCert }),
    ...(clientKey !== undefined && { clientKey }),
  }
}
