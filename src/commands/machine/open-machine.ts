import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import type { Context } from '../../cli/command.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import { toDriverContext } from '../../machine/driver-context.ts'
import type { Driver, DriverDescriptor, DriverFactory } from '../../machine/driver.ts'
import type { Host } from '../../machine/host.ts'
import { fileStore } from '../../machine/store-files.ts'
import type { Store } from '../../machine/store.ts'

/** A machine of the store with the driver that moves it. */
export interface OpenMachine {
  readonly host: Host
  readonly driver: Driver
}

/** A text flag given before the command word. */
export function readGlobal(ctx: Context, name: string): string | undefined {
  const value = ctx.globals[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** How the user calls these commands: `docker-machine`, or `flotilla machine`. */
export function programWords(ctx: Context): string {
  const { program, id } = ctx.personality
  return id === 'flotilla' ? `${program} machine` : program
}

/** The store the command line or the environment names, else the one in the home folder. */
export function openStore(ctx: Context): Store {
  const wish = readGlobal(ctx, 'storage-path') ?? join(findHome(ctx), '.docker', 'machine')
  return fileStore(isAbsolute(wish) ? wish : resolve(ctx.cwd, wish), ctx.clock, programWords(ctx))
}

function findHome(ctx: Context): string {
  const named = ctx.env[process.platform === 'win32' ? 'USERPROFILE' : 'HOME'] ?? ''
  return named === '' ? homedir() : named
}

/** @throws {plugin/not-found} with docker-machine's text */
export async function loadDescriptor(ctx: Context, name: string): Promise<DriverDescriptor> {
  try {
    return await ctx.plugins.load<DriverDescriptor>('driver', name)
  } catch (error) {
    if (!isFlotillaError(error) || error.code !== 'plugin/not-found') throw error
    const text = `Driver "${name}" not found. Do you have the plugin binary "docker-machine-driver-${name}" accessible in your PATH?`
    throw new FlotillaError('plugin/not-found', text, {
      cause: error,
      ...(error.hint !== undefined && { hint: error.hint }),
    })
  }
}

/** The driver of this name; undefined when it is not there or does not start, which some commands can do without. */
export async function findDescriptor(ctx: Context, name: string): Promise<DriverDescriptor | undefined> {
  return loadDescriptor(ctx, name).catch(() => undefined)
}

/** Reads a machine's record and wakes its driver. */
export async function openMachine(ctx: Context, store: Store, name: string): Promise<OpenMachine> {
  const host = await store.load(name)
  return { host, driver: await openDriver(ctx, store, host) }
}

/** A factory that knows what is behind the references in a record. Those that lead nowhere are warned of: not every call needs them. */
export async function openFactory(ctx: Context, factory: DriverFactory, host: Host): Promise<DriverFactory> {
  // Nearly no record has any: what looks them up is not even loaded.
  if (!JSON.stringify(host.driver).includes('"secret:')) return factory
  const { makeSecrets, withSecrets } = await import('../../machine/secrets.ts')
  const secrets = makeSecrets(ctx.env)
  try {
    await secrets.learn(host.driver)
  } catch (error) {
    ctx.log.warn(`machine "${host.name}": ${toMessage(error)}`)
  }
  return withSecrets(factory, secrets)
}

export async function openDriver(ctx: Context, store: Store, host: Host): Promise<Driver> {
  const descriptor = await loadDescriptor(ctx, host.driverName)
  const factory = await openFactory(ctx, await descriptor.load(), host)
  const { log, clock, random, env } = ctx
  return factory.create(toDriverContext({ store, log, clock, random, env }, host.name), host.driver)
}

/**
 * The names a command is to work on.
 *
 * @throws {machine/usage} when none is given and there is no machine called `default`
 */
export async function chooseNames(store: Store, args: readonly string[]): Promise<readonly string[]> {
  if (args.length > 0) return [...new Set(args)]
  if (await store.exists('default')) return ['default']
  throw new FlotillaError('machine/usage', 'Error: No machine name(s) specified and no "default" machine exists')
}

/**
 * The one name a command is to work on.
 *
 * @throws {machine/usage} when there are several, or none and no machine called `default`
 */
export async function chooseName(store: Store, args: readonly string[]): Promise<string> {
  if (args.length > 1) throw new FlotillaError('machine/usage', 'Error: Expected one machine name as an argument')
  const [name = ''] = await chooseNames(store, args)
  return name
}

/** Like an error, with a prefix that scripts look for in front of its text. */
export function withPrefix(prefix: string, error: unknown): FlotillaError {
  const text = `${prefix}${toMessage(error)}`
  if (!isFlotillaError(error)) return new FlotillaError('machine/driver', text, { cause: error })
  return new FlotillaError(error.code, text, {
    cause: error,
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(error.exitCode !== undefined && { exitCode: error.exitCode }),
  })
}
