import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { FlagValues } from '../../core/flag.ts'
import { createHost } from '../../machine/create.ts'
import type { CertificatePaths } from '../../machine/create.ts'
import type { DriverOptions } from '../../machine/driver.ts'
import type { EngineOptions, SwarmOptions } from '../../machine/host.ts'
import { checkHostName } from '../../machine/host.ts'
import { loadDescriptor, openStore, programWords, readGlobal } from './open-machine.ts'
import { makeProvisionContext } from './provision-context.ts'
import type { createFlags } from './table.ts'

type CreateFlags = FlagValues<typeof createFlags>

/** Makes a machine and leaves an engine that answers over TLS. */
export const run: Run<typeof createFlags> = async (ctx, flags, args) => {
  const name = await checkLine(ctx, flags, args)
  const store = openStore(ctx)
  const descriptor = await loadDescriptor(ctx, flags.driver)
  const provision = await makeProvisionContext(ctx, flags['tls-key-type'] === 'rsa' ? 'rsa' : 'ecdsa')
  await createHost(
    {
      name,
      driverName: descriptor.name,
      factory: await descriptor.load(),
      driverOptions: flags as unknown as DriverOptions,
      engine: toEngineOptions(flags),
      swarm: toSwarmOptions(flags),
      paths: toPaths(ctx),
      sans: flags['tls-san'],
      isRolledBack: flags.rollback,
    },
    { ...provision, store, random: ctx.random, env: ctx.env },
    { signal: ctx.signal },
  )
  ctx.log.info(
    `To see how to connect your Docker Client to the Docker Engine running on this virtual machine, run: ${programWords(ctx)} env ${name}`,
  )
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
  if (flags.swarm || flags['swarm-master']) {
    throw new FlotillaError(
      'machine/usage',
      '--swarm and --swarm-master cannot start swarm containers on a machine yet',
      {
        hint: 'create the machines without them and put "swarm manage" over their addresses',
      },
    )
  }
  if (flags.given('engine-install-url')) {
    ctx.log.warn("--engine-install-url is not used: a host without an engine gets its distribution's docker.io")
  }
  return name
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
