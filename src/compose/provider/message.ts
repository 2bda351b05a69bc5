import { FlotillaError } from '../../core/errors.ts'

/** One document of what a provider prints on its standard output. */
export type ProviderMessage =
  | { readonly kind: 'info' | 'error' | 'debug'; readonly text: string }
  /** `isRaw`: the name as it is, without the service's in front. */
  | { readonly kind: 'variable'; readonly name: string; readonly value: string; readonly isRaw: boolean }
  /** It wants the service's settings as one line of JSON. */
  | { readonly kind: 'asks-service' }

/** @throws {compose/execute} for what is no message, in the reference program's words */
export function parseMessage(text: string): ProviderMessage {
  const { type, message } = parseDocument(text)
  switch (type) {
    case 'info':
    case 'error':
    case 'debug':
      return { kind: type, text: message }
    case 'setenv':
    case 'rawsetenv': {
      const at = message.indexOf('=')
      // Without a name it is `SERVICE_`, as with the reference program; one of its own cannot be empty.
      if (at < (type === 'setenv' ? 0 : 1)) throw invalid(message)
      const [name, value] = [message.slice(0, at), message.slice(at + 1)]
      return { kind: 'variable', name, value, isRaw: type === 'rawsetenv' }
    }
    case 'get-service-config':
      return { kind: 'asks-service' }
    default:
      throw invalid(type)
  }
}

function parseDocument(text: string): { readonly type: string; readonly message: string } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid(text)
  }
  if (typeof value !== 'object' || value === null) throw invalid(text)
  const [type, message] = [readField(value, 'type'), readField(value, 'message') ?? '']
  if (typeof type !== 'string' || typeof message !== 'string') throw invalid(text)
  return { type, message }
}

/** By its name in any letters, as Go reads JSON: providers in Go may send `Type`. */
function readField(object: object, name: string): unknown {
  if (Object.hasOwn(object, name)) return Reflect.get(object, name)
  return Object.entries(object).find(([key]) => key.toLowerCase() === name)?.[1]
}

function invalid(what: string): FlotillaError {
  return new FlotillaError('compose/execute', `invalid response from plugin: ${what.slice(0, 200)}`)
}
