import { join } from 'node:path'
import type { CallOptions } from '../core/call.ts'
import type { JsonObject } from '../core/exact-json.ts'
import type { Random } from '../core/clock.ts'
import { toAbortError } from '../core/deadline.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../core/errors.ts'
import { goQuote } from '../core/goquote.ts'
import { failpoint } from '../io/failpoint.ts'
import { bootstrapCertificates } from './certs.ts'
import { markComplete, markStep, unfinishedStep } from './creation.ts'
import { toDriverContext } from './driver-context.ts'
import type { Driver, DriverConfig, DriverFactory, DriverOptions } from './driver.ts'
import type { AuthOptions, EngineOptions, Host, SwarmOptions } from './host.ts'
import { describeRemains, isCancelled, withRemains, wrapCreate } from './create-errors.ts'
import type { Draft } from './create-errors.ts'
import { checkHostName, DEFAULT_PROGRAM } from './host.ts'
import { isAddressOnly } from './provision/provision-host.ts'
import { provisionWhole } from './provision-whole.ts'
import type { WholeContext } from './provision-whole.ts'
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
  /** Fields of ours at the top of the record. */
  readonly extra?: JsonObject
}

/** Files to use in place of the store's own; absent ones are the store's. */
export interface CertificatePaths {
  readonly caCert?: string
  readonly caKey?: string
  readonly clientCert?: string
  readonly clientKey?: string
}

/** The outside world of a creation. */
export interface CreateContext extends WholeContext {
  readonly random: Random
  readonly env: Readonly<Record<string, string | undefined>>
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

/**
 * Goes on with a creation that was interrupted. What the driver had not finished is taken away and made anew; a machine that is
 * there is provisioned.
 *
 * @throws {machine/state} when the machine is complete
 */
export async function resumeHost(
  name: string,
  factory: DriverFactory,
  ctx: CreateContext,
  o: CallOptions,
): Promise<Host> {
  return ctx.store.lock(name, async () => {
    const stored = await ctx.store.load(name)
    const step = unfinishedStep(stored)
    if (step === undefined) {
      throw new FlotillaError('machine/state', `machine "${name}" is complete: there is nothing to resume`, {
        hint: `"${ctx.program ?? DEFAULT_PROGRAM} provision ${name}" sets it up once more`,
      })
    }
    const draft: Draft = {
      host: stored,
      driver: openDraftDriver(() => draft, factory, ctx, stored),
      done: [recordWord],
    }
    await bootstrapCertificates(stored.options.AuthOptions, ctx, o)
    if (step === 'driver') {
      ctx.log.info(`Removing what was made of "${name}"...`)
      await draft.driver.remove(o)
      await saveDriver(draft, ctx.store)
      ctx.log.info('Running pre-create checks...')
      await draft.driver.precheck(o)
    }
    try {
      await build(draft, ctx, o, step === 'driver')
      return draft.host
    } catch (error) {
      await saveQuietly(draft, ctx)
      throw o.signal?.aborted === true
        ? toAbortError(o.signal)
        : withRemains(error, draft, ctx.program ?? DEFAULT_PROGRAM)
    }
  })
}

/** A driver whose checkpoints go into the record of the draft. */
function openDraftDriver(find: () => Draft, factory: DriverFactory, ctx: CreateContext, host: Host): Driver {
  const checkpoint = async (config: DriverConfig): Promise<void> => {
    const draft = find()
    await failpoint('machine.beforeCheckpoint')
    draft.host = { ...draft.host, driver: config }
    await ctx.store.save(draft.host)
    await failpoint('machine.afterCheckpoint')
  }
  return factory.create({ ...toDriverContext(ctx, host.name), checkpoint }, host.driver)
}

const recordWord = 'the record in the store'

async function createLocked(wanted: HostWanted, ctx: CreateContext, o: CallOptions): Promise<Host> {
  const { store, log, program = DEFAULT_PROGRAM } = ctx
  if (await store.exists(wanted.name)) throw existsError(wanted.name)
  const draft = await prepare(wanted, ctx, o)
  await store.create(draft.host)
  draft.done.push(recordWord)
  await failpoint('machine.afterRecord')
  try {
    await build(draft, ctx, o, true)
    return draft.host
  } catch (error) {
    await saveQuietly(draft, ctx)
    if (!wanted.isRolledBack) {
      if (o.signal?.aborted !== true) throw withRemains(error, draft, program)
      log.warn(`Cancelled; ${describeRemains(draft, program)}`)
      throw toAbortError(o.signal)
    }
    log.info(`Removing what was made of "${wanted.name}"...`)
    try {
      await draft.driver.remove({})
      await store.remove(wanted.name)
    } catch (failure) {
      // Why it could not be made is the news; that something is left has to be known as well.
      log.error(`cannot remove what was made of "${wanted.name}": ${toMessage(failure)}`)
      throw withRemains(error, draft, program)
    }
    throw error
  }
}

/** Everything up to the first thing that stays: options, certificates, the driver's own checks. */
async function prepare(wanted: HostWanted, ctx: CreateContext, o: CallOptions): Promise<Draft> {
  const machinePath = ctx.store.pathOf(wanted.name)
  let config: DriverConfig
  try {
    config = await wanted.factory.configure(toDriverContext(ctx, wanted.name), wanted.driverOptions)
  } catch (error) {
    throw wrapCreate('Error setting machine configuration from flags provided', error)
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
  const host = markStep(
    {
      name: wanted.name,
      driverName: wanted.driverName,
      driver: config,
      options,
      ...(wanted.extra && { extra: wanted.extra }),
    },
    'driver',
  )
  const draft: Draft = { host, driver: openDraftDriver(() => draft, wanted.factory, ctx, host), done: [] }
  await refuseOptions(host, draft.driver, o)
  try {
    await bootstrapCertificates(auth, ctx, o)
  } catch (error) {
    throw wrapCreate('Error generating certificates', error)
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

/** Options that a driver cannot honour are refused before anything is made. */
async function refuseOptions(host: Host, driver: Driver, o: CallOptions): Promise<void> {
  const { EngineOptions: engine, SwarmOptions: swarm } = host.options
  const hasSwarm = swarm.IsSwarm || typeof swarm.Mode === 'string'
  const [flag, why] =
    driver.configureEngine !== undefined && (engine.EngineVersion ?? '') !== ''
      ? ['--engine-version', 'runs an engine of its own choice']
      : hasSwarm && (await isAddressOnly(driver, o))
        ? ['--swarm', 'is only an address: nothing is set up there']
        : []
  if (flag === undefined) return
  const text = `Error setting machine configuration from flags provided: driver "${host.driverName}" takes no ${flag}: it ${why}`
  throw new FlotillaError('machine/driver', text)
}

/** @param isFromStart the driver has made nothing yet */
async function build(draft: Draft, ctx: CreateContext, o: CallOptions, isFromStart: boolean): Promise<void> {
  const { driver } = draft
  const { log, store } = ctx
  draft.done.push(`whatever driver "${draft.host.driverName}" had made`)
  if (isFromStart) {
    log.info('Creating machine...')
    try {
      await driver.create(o)
    } catch (error) {
      throw wrapCreate('Error creating machine: Error in driver during machine creation', error)
    }
    await failpoint('machine.afterDriver')
    draft.host = markStep(draft.host, 'provision')
  } else if ((await driver.state(o)) === 'Stopped') {
    await driver.start(o)
  }
  const isOnlyAddress = await isAddressOnly(driver, o)
  if (isOnlyAddress) draft.host = markComplete(draft.host)
  await saveDriver(draft, store)
  await failpoint('machine.afterSave')
  if (isOnlyAddress) return
  log.info('Waiting for machine to be running, this may take a few minutes...')
  await waitForState(driver, ctx, o)
  await provisionWhole(draft.host, driver, ctx, o, wrapCreate)
  await failpoint('machine.afterProvision')
  draft.host = markComplete(draft.host)
  await saveDriver(draft, store)
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
