import { FlotillaError, toMessage } from '../core/errors.ts'
import { goQuote } from '../core/goquote.ts'

/** What is wrong with the user's configuration. */
export function configProblem(file: string, problem: string, cause?: unknown): FlotillaError {
  return new FlotillaError('plugin/invalid', `configuration ${goQuote(file)}: ${problem}`, { cause })
}

/**
 * The members of the user's configuration; each part of the program reads its own.
 *
 * @param text undefined: there is no such file
 * @param file its path, for messages
 * @throws {plugin/invalid} naming the file
 */
export function parseConfig(text: string | undefined, file: string): object {
  if (text === undefined) throw configProblem(file, 'there is no such file')
  let config: unknown
  try {
    config = JSON.parse(text)
  } catch (error) {
    throw configProblem(file, `it is not JSON: ${toMessage(error)}`, error)
  }
  if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config
  throw configProblem(file, 'it is not a JSON object')
}
