import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { FlotillaError } from '../core/errors.ts'

export interface PromptOptions {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly signal?: AbortSignal
}

/**
 * Asks a question and reads one line.
 *
 * @returns the line without its end; undefined when the input ended before one came
 * @throws {cli/cancelled} when the signal is aborted
 */
export async function promptLine(question: string, options: PromptOptions): Promise<string | undefined> {
  options.stdout.write(question)
  const lines = createInterface({ input: options.stdin, crlfDelay: Infinity })
  const cancel = (): void => lines.close()
  options.signal?.addEventListener('abort', cancel, { once: true })
  try {
    if (options.signal?.aborted !== true) {
      for await (const line of lines) return line
    }
    if (options.signal?.aborted === true) throw new FlotillaError('cli/cancelled', 'cancelled')
    return undefined
  } finally {
    options.signal?.removeEventListener('abort', cancel)
    lines.close()
  }
}

/**
 * Asks for yes or no; what is neither a word for yes nor for true is no, and so is the end of the input.
 *
 * @param question with the choices, as the ancestor words it: `Are you sure? (y/n): `
 */
export async function promptConfirm(question: string, options: PromptOptions): Promise<boolean> {
  const answer = await promptLine(question, options)
  return /^(?:y(?:es)?|t(?:rue)?|1)$/i.test(answer?.trim() ?? '')
}
