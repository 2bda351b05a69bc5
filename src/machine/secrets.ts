import { isSecretName } from '../core/mask.ts'
import { FlotillaError, toMessage } from '../core/errors.ts'
import type { FlagTable } from '../core/flag.ts'
import { readTextFile } from '../io/files.ts'
import type { Driver, DriverConfig, DriverFactory, DriverOptions } from './driver.ts'

const prefix = 'secret:'
const sealedPrefix = 'secret:sealed:'

type Env = Readonly<Record<string, string | undefined>>

/** References found so far, and the values behind them. */
export interface Secrets {
  /**
   * Looks up every reference in a value: `secret:env:NAME`, `secret:file:PATH`, `secret:sealed:…`.
   * @throws {machine/usage} naming the reference that leads nowhere
   */
  learn(value: unknown): Promise<void>
  /** Encrypts a value under the passphrase of the environment, where there is one, and learns the reference. */
  hide(value: string): Promise<string>
  /** The same value with what is behind its references. */
  open<T>(value: T): T
  /** The same value with references in place of what is behind them. */
  close<T>(value: T): T
}

/** The passphrase that credentials in records are encrypted under: `MACHINE_PASSPHRASE`, or the content of `MACHINE_PASSPHRASE_FILE`. */
async function findPassphrase(env: Env): Promise<string | undefined> {
  const named = env['MACHINE_PASSPHRASE'] ?? ''
  if (named !== '') return named
  const file = env['MACHINE_PASSPHRASE_FILE'] ?? ''
  if (file === '') return undefined
  const text = (await readTextFile(file))?.replace(/\r?\n$/, '') ?? ''
  if (text === '') throw new FlotillaError('machine/usage', `MACHINE_PASSPHRASE_FILE: ${file} is missing or empty`)
  return text
}

export function makeSecrets(env: Env): Secrets {
  const values = new Map<string, string>()

  async function lookUp(reference: string): Promise<string> {
    const [, kind = '', rest = ''] = /^secret:([a-z]+):(.*)$/s.exec(reference) ?? []
    const refuse = (why: string, cause?: unknown): FlotillaError =>
      new FlotillaError('machine/usage', `${kind === 'sealed' ? sealedPrefix.slice(0, -1) : reference}: ${why}`, {
        cause,
      })
    if (kind === 'env') {
      const value = env[rest] ?? ''
      if (value === '') throw refuse('the variable is not set')
      return value
    }
    if (kind === 'file') {
      const text = await readTextFile(rest).catch((error: unknown) => Promise.reject(refuse(toMessage(error), error)))
      if (text === undefined) throw refuse('no such file')
      const value = text.replace(/\r?\n$/, '')
      // Every empty field of the record would be taken for the credential.
      if (value === '') throw refuse('the file is empty')
      return value
    }
    if (kind !== 'sealed') throw refuse('a reference is secret:env:NAME or secret:file:PATH')
    const passphrase = await findPassphrase(env)
    if (passphrase === undefined) throw refuse('MACHINE_PASSPHRASE or MACHINE_PASSPHRASE_FILE is needed to decrypt it')
    const { unseal } = await import('../io/seal.ts')
    try {
      const sealed = JSON.parse(Buffer.from(rest, 'base64').toString('utf8')) as Parameters<typeof unseal>[0]
      return Buffer.from(await unseal(sealed, passphrase)).toString('utf8')
    } catch (error) {
      throw refuse(toMessage(error), error)
    }
  }

  async function learn(value: unknown): Promise<void> {
    for (const text of listTexts(value)) {
      if (text.startsWith(prefix) && !values.has(text)) values.set(text, await lookUp(text))
    }
  }

  return {
    learn,
    async hide(value) {
      const passphrase = await findPassphrase(env)
      if (passphrase === undefined) return value
      const { seal } = await import('../io/seal.ts')
      const sealed = await seal(Buffer.from(value), passphrase)
      const reference = `${sealedPrefix}${Buffer.from(JSON.stringify(sealed)).toString('base64')}`
      values.set(reference, value)
      return reference
    },
    open: (value) => mapTexts(value, (text) => values.get(text) ?? text),
    close(value) {
      const references = new Map([...values].map(([reference, text]) => [text, reference]))
      return mapTexts(value, (text) => references.get(text) ?? text)
    },
  }
}

function listTexts(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap(listTexts)
  return isPlain(value) ? Object.values(value).flatMap(listTexts) : []
}

function mapTexts<T>(value: T, change: (text: string) => string): T {
  if (typeof value === 'string') return change(value) as T
  if (Array.isArray(value)) return value.map((each: unknown) => mapTexts(each, change)) as T
  if (!isPlain(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, mapTexts(each, change)])) as T
}

/** Numbers that are kept exactly are objects of a class of their own. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const parent: unknown = Object.getPrototypeOf(value)
  return parent === null || parent === Object.prototype
}

/**
 * A factory whose drivers work with credentials while the records hold references to them. Flags that are credentials are encrypted
 * where the environment has a passphrase.
 */
export function withSecrets(factory: DriverFactory, secrets: Secrets, flags: FlagTable = {}): DriverFactory {
  return {
    async configure(ctx, options) {
      await secrets.learn(options)
      const opened: DriverOptions = secrets.open(options)
      for (const [name, spec] of Object.entries(flags)) {
        const value = opened[name]
        const isSecret = spec.isSecret ?? isSecretName(name)
        if (isSecret && typeof value === 'string' && value !== '' && opened[name] === options[name])
          await secrets.hide(value)
      }
      return secrets.close(await factory.configure(ctx, opened))
    },
    create(ctx, config) {
      const { checkpoint } = ctx
      const inner = {
        ...ctx,
        ...(checkpoint && { checkpoint: (state: DriverConfig) => checkpoint(secrets.close(state)) }),
      }
      const opened = secrets.open(config)
      return closeDriver(factory.create(inner, opened), opened, config, secrets)
    },
  }
}

/** The driver itself but for the state it gives away. */
function closeDriver(driver: Driver, opened: DriverConfig, stored: DriverConfig, secrets: Secrets): Driver {
  const toConfig = (): DriverConfig => {
    const state = driver.toConfig()
    // Unchanged states must be seen to be unchanged.
    return state === opened ? stored : secrets.close(state)
  }
  return new Proxy(driver, {
    get(target, name) {
      if (name === 'toConfig') return toConfig
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
