import { FlotillaError } from '../../core/errors.ts'

/** One line of what a provider prints on its standard output. */
export type ProviderMessage =
  | { readonly kind: 'info' | 'error' | 'debug'; readonly text: string }
  /** `isRaw`: the name as it is, without the service's in front. */
  | { readonly kind: 'variable'; readonly name: string; readonly value: string; readonly isRaw: boolean }
  /** It wants the service's settings as one line of JSON. */
  | { readonly kind: 'asks-service' }

/** @throws {compose/execute} for a line that is no message, in the reference program's words */
export function parseMessage(line: string): ProviderMessage {
  const { type, message } = parseLine(line)
  switch (type) {
    case 'info':
    case 'error':
    case 'debug':
      return { kind: type, text: message }
    case 'setenv':
    case 'rawsetenv': {
      const at = message.indexOf('=')
      if (at < 1) throw invalid(message)
      const [name, value] = [message.slice(0, at), message.slice(at + 1)]
      return { kind: 'variable', name, value, isRaw: type === 'rawsetenv' }
    }
    case 'get-service-config':
      return { kind: 'asks-service' }
    default:
      throw invalid(type)
  }
}

function parseLine(line: string): { readonly type: string; readonly message: string } {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw invalid(line)
  }
  if (typeof value !== 'object' || value === null) throw invalid(line)
  const [type, message]: unknown[] = [Reflect.get(value, 'type'), Reflect.get(value, 'message') ?? '']
  if (typeof type !== 'string' || typeof message !== 'string') throw invalid(line)
  return { type, message }
}

function invalid(what: string): FlotillaError {
  return new FlotillaError('compose/execute', `invalid response from plugin: ${what.slice(0, 200)}`)
}
