import { join } from 'node:path'
import type { CallOptions } from '../core/call.ts'
import type { Random } from '../core/clock.ts'
import { toAbortError } from '../core/deadline.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../core/errors.ts'
import { goQuote } from '../core/goquote.ts'
import { bootstrapCertificates } from './certs.ts'
import { toDriverContext } from './driver-context.ts'
import type { Driver, DriverConfig, DriverFactory, DriverOptions } from './driver.ts'
import type { AuthOptions, EngineOptions, Host, SwarmOptions } from './host.ts'
import { checkHostName, DEFAULT_PROGRAM } from './host.ts'
import { isAddressOnly, provisionHost, waitForEngine } from './provision/provision-host.ts'
import type { ProvisionContext } from './provision/provision-host.ts'
import { existsError } from './store.ts'
import type { Store } from './store.ts'
import { waitForState } from './wait-for-state.ts'

/** A machine to be made. */
export interface HostWanted {
  readonly name: string
  readonly driverName: string
  readonly factory: DriverFactory
  readonly driverOptions: DriverOptions
  readonly engine: EngineOptions
  readonly swarm: SwarmOptions
  /** Paths of the authority and the client pair; `undefined` ones lie in the store. */
  readonly paths: CertificatePaths
  readonly sans: readonly string[]
  /** Remove what was made when creation fails. */
  readonly isRolledBack: boolean
}

export interface CertificatePaths {
  readonly caCert?: string
  readonly caKey?: string
  readonly clientCert?: string
  readonly clientKey?: string
}

export interface CreateContext extends ProvisionContext {
  readonly store: Store
  readonly random: Random
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A machine on its way: the record, its driver, and what has been done to it. */
interface Draft {
  host: Host
  readonly driver: Driver
  /** Completed steps that left something behind, in order. */
  readonly done: string[]
}

/**
 * Makes a machine, from the checks to an engine that answers over TLS.
 *
 * The record is written before anything is made, so that after a crash, a failure or Ctrl-C there is
 * something for `rm` to clean up with. Of several calls with one name exactly one goes on.
 *
 * docker/machine commands/create.go and libmachine/libmachine.go: order of the steps and their texts.
 *
 * @throws {machine/exists}, {machine/precheck} with exit code 3, and whatever step failed
 */
export async function createHost(wanted: HostWanted, ctx: CreateContext, o: CallOptions): Promise<Host> {
  checkHostName(wanted.name)
  let isStarted = false
  try {
    return await ctx.store.lock(
      wanted.name,
      async () => {
        isStarted = true
        return await createLocked(wanted, ctx, o)
      },
      { ...o, deadlineMs: 0 },
    )
  } catch (error) {
    if (isStarted || !isFlotillaError(error) || error.code !== 'io/locked') throw error
    throw new FlotillaError('machine/exists', existsError(wanted.name).message, { cause: error, hint: error.message })
  }
}

async function createLocked(wanted: HostWanted, ctx: CreateContext, o: CallOptions): Promise<Host> {
  const { store, log, program = DEFAULT_PROGRAM } = ctx
  if (await store.exists(wanted.name)) throw existsError(wanted.name)
  const draft = await prepare(wanted, ctx, o)
  await store.create(draft.host)
  draft.done.push('the record in the store')
  try {
    await build(draft, ctx, o)
    return draft.host
  } catch (error) {
    await saveQuietly(draft, ctx)
    if (!wanted.isRolledBack) {
      if (o.signal?.aborted !== true) throw withRemains(error, draft, program)
      log.warn(`Cancelled; ${describeRemains(draft, program)}`)
      throw toAbortError(o.signal)
    }
    log.info(`Removing what was made of "${wanted.name}"...`)
    await draft.driver.remove({})
    await store.remove(wanted.name)
    throw error
  }
}

/** Everything up to the first thing that stays: options, certificates, the driver's own checks. */
async function prepare(wanted: HostWanted, ctx: CreateContext, o: CallOptions): Promise<Draft> {
  const machinePath = ctx.store.pathOf(wanted.name)
  const save = async (config: DriverConfig): Promise<void> => {
    draft.host = { ...draft.host, driver: config }
    await ctx.store.save(draft.host)
  }
  const driverContext = { ...toDriverContext(ctx, wanted.name), checkpoint: save }
  let config: DriverConfig
  try {
    config = await wanted.factory.configure(driverContext, wanted.driverOptions)
  } catch (error) {
    throw wrap('Error setting machine configuration from flags provided', error)
  }
  const auth = makeAuthOptions(wanted, ctx.store.root, machinePath)
  const options = {
    Driver: '',
    Memory: 0,
    Disk: 0,
    EngineOptions: wanted.engine,
    SwarmOptions: wanted.swarm,
    AuthOptions: auth,
  }
  const host: Host = { name: wanted.name, driverName: wanted.driverName, driver: config, options }
  const draft: Draft = { host, driver: wanted.factory.create(driverContext, config), done: [] }
  try {
    await bootstrapCertificates(auth, ctx, o)
  } catch (error) {
    throw wrap('Error generating certificates', error)
  }
  ctx.log.info('Running pre-create checks...')
  try {
    await draft.driver.precheck(o)
  } catch (error) {
    if (isCancelled(error)) throw error
    const text = `Error with pre-create check: ${goQuote(toMessage(error))}`
    const hint = isFlotillaError(error) ? error.hint : undefined
    throw new FlotillaError('machine/precheck', text, {
      cause: error,
      exitCode: 3,
      ...(hint !== undefined && { hint }),
    })
  }
  return draft
}

async function build(draft: Draft, ctx: CreateContext, o: CallOptions): Promise<void> {
  const { driver } = draft
  const { log, store } = ctx
  log.info('Creating machine...')
  draft.done.push(`whatever driver "${draft.host.driverName}" had made`)
  try {
    await driver.create(o)
  } catch (error) {
    throw wrap('Error creating machine: Error in driver during machine creation', error)
  }
  await saveDriver(draft, store)
  if (await isAddressOnly(driver, o)) return
  log.info('Waiting for machine to be running, this may take a few minutes...')
  await waitForState(driver, ctx, o)
  try {
    await provisionHost(draft.host, driver, store.pathOf(draft.host.name), ctx, o)
  } catch (error) {
    throw wrap('Error creating machine: Error running provisioning', error)
  }
  await saveDriver(draft, store)
  try {
    await waitForEngine(draft.host, driver, ctx, o)
  } catch (error) {
    throw wrap('Error creating machine: Error checking the host', error)
  }
}

async function saveDriver(draft: Draft, store: Store): Promise<void> {
  draft.host = { ...draft.host, driver: draft.driver.toConfig() }
  await store.save(draft.host)
}

/** On the way out of a failure the state of the machine matters more than a second error. */
async function saveQuietly(draft: Draft, ctx: CreateContext): Promise<void> {
  try {
    await saveDriver(draft, ctx.store)
  } catch (error) {
    ctx.log.error(`cannot save the record of machine "${draft.host.name}": ${toMessage(error)}`)
  }
}

/** What a failed creation left, the latest first, and the way to be rid of it. */
function describeRemains(draft: Draft, program: string): string {
  return `still there: ${[...draft.done].reverse().join(', ')}; "${program} rm ${draft.host.name}" removes it`
}

function withRemains(error: unknown, draft: Draft, program: string): unknown {
  const hint = describeRemains(draft, program)
  if (!isFlotillaError(error)) return new FlotillaError('machine/driver', toMessage(error), { cause: error, hint })
  const own = error.hint === undefined ? hint : `${error.hint}; ${hint}`
  return new FlotillaError(error.code, error.message, {
    cause: error.cause ?? error,
    hint: own,
    ...(error.exitCode !== undefined && { exitCode: error.exitCode }),
  })
}

function isCancelled(error: unknown): boolean {
  return isFlotillaError(error) ? error.code === 'core/aborted' : error instanceof Error && error.name === 'AbortError'
}

function wrap(prefix: string, error: unknown): unknown {
  if (isCancelled(error)) return error
  const { code, hint, exitCode } = isFlotillaError(error)
    ? error
    : { code: 'machine/driver' as const, hint: undefined, exitCode: undefined }
  return new FlotillaError(code, `${prefix}: ${toMessage(error)}`, {
    cause: error,
    ...(hint !== undefined && { hint }),
    ...(exitCode !== undefined && { exitCode }),
  })
}

function makeAuthOptions(wanted: HostWanted, root: string, machinePath: string): AuthOptions {
  const certDir = join(root, 'certs')
  return {
    CertDir: certDir,
    CaCertPath: wanted.paths.caCert ?? join(certDir, 'ca.pem'),
    CaPrivateKeyPath: wanted.paths.caKey ?? join(certDir, 'ca-key.pem'),
    CaCertRemotePath: '',
    ServerCertPath: join(machinePath, 'server.pem'),
    ServerKeyPath: join(machinePath, 'server-key.pem'),
    ClientKeyPath: wanted.paths.clientKey ?? join(certDir, 'key.pem'),
    ServerCertRemotePath: '',
    ServerKeyRemotePath: '',
    ClientCertPath: wanted.paths.clientCert ?? join(certDir, 'cert.pem'),
    ServerCertSANs: wanted.sans,
    StorePath: machinePath,
  }
}
