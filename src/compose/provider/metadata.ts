import { FlotillaError } from '../../core/errors.ts'
import type { Provider } from '../model/service.ts'

/** What a provider is called for. */
export type ProviderCommand = 'up' | 'down' | 'stop'

interface Parameter {
  readonly name: string
  readonly isRequired: boolean
}

/** What a provider says of itself; a command without an entry takes every option. */
export type ProviderMetadata = Readonly<Partial<Record<ProviderCommand, readonly Parameter[]>>>

/** What `TYPE compose metadata` printed; undefined when it is no description: then nothing is known. */
export function parseMetadata(text: string): ProviderMetadata | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const found: Partial<Record<ProviderCommand, readonly Parameter[]>> = {}
  for (const command of ['up', 'down', 'stop'] as const) {
    const entry: unknown = Reflect.get(value, command)
    if (typeof entry !== 'object' || entry === null) continue
    const parameters: unknown = Reflect.get(entry, 'parameters')
    found[command] = Array.isArray(parameters) ? parameters.flatMap(toParameter) : []
  }
  return Object.keys(found).length === 0 ? undefined : found
}

function toParameter(value: unknown): readonly Parameter[] {
  if (typeof value !== 'object' || value === null) return []
  const name: unknown = Reflect.get(value, 'name')
  return typeof name === 'string' ? [{ name, isRequired: Reflect.get(value, 'required') === true }] : []
}

/**
 * The arguments a provider is called with.
 *
 * @returns undefined when it does not know the command: only `stop` may be unknown
 * @throws {compose/invalid} for an option it needs and the service does not give
 */
export function toProviderArguments(
  project: string,
  service: string,
  provider: Provider,
  command: ProviderCommand,
  metadata: ProviderMetadata | undefined,
): readonly string[] | undefined {
  const options = provider.options ?? {}
  const parameters = metadata === undefined ? undefined : (metadata[command] ?? [])
  if (command === 'stop' && metadata?.stop === undefined) return undefined
  const missing = parameters?.find(({ name, isRequired }) => isRequired && options[name] === undefined)
  if (missing !== undefined) {
    throw new FlotillaError(
      'compose/invalid',
      `required parameter "${missing.name}" is missing from provider "${provider.type}" definition`,
      { hint: `service "${service}"` },
    )
  }
  const words = ['compose', `--project-name=${project}`, command]
  for (const name of Object.keys(options).sort()) {
    if (parameters !== undefined && !parameters.some((parameter) => parameter.name === name)) continue
    for (const value of options[name] ?? []) words.push(`--${name}=${value}`)
  }
  return [...words, service]
}
