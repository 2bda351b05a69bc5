import { isFlotillaError, toMessage } from '../core/errors.ts'
import { maskSecrets } from '../core/mask.ts'
import { toFileMessage } from '../core/file-reason.ts'
import type { Personality } from './personality.ts'

/** How an error is to be shown. */
export interface ReportOptions {
  readonly personality: Personality
  /** Shows the chain of causes. */
  readonly isDebug: boolean
  /** Compose's `--progress json`: errors are JSON objects too. */
  readonly isJson: boolean
  /** Values that must not appear: those of secret flags. */
  readonly secrets: readonly string[]
}

/** The text for stderr: message, hint, and with debug the causes. Ends in a newline; never a stack trace. */
export function renderError(error: unknown, options: ReportOptions): string {
  const clean = (text: string): string => stripControls(maskSecrets(text, options.secrets))
  const message = clean(toFileMessage(error))
  if (options.isJson) return `${JSON.stringify({ error: true, message })}\n`
  const isOwn = options.personality.id === 'flotilla'
  const lines = [isOwn ? `flotilla: ${message}` : message]
  if (isFlotillaError(error) && error.hint !== undefined) lines.push(`hint: ${clean(error.hint)}`)
  if (options.isDebug) lines.push(...causes(error).map((cause) => `caused by: ${clean(cause)}`))
  return `${lines.join('\n')}\n`
}

/** Causes from the outer to the inner, each with its code. Cycles and endless chains end after ten. */
function causes(error: unknown): string[] {
  const found: string[] = []
  let current: unknown = error
  for (let depth = 0; depth < 10; depth += 1) {
    current = current instanceof Error ? current.cause : undefined
    if (current === undefined || current === null) break
    const code: unknown = typeof current === 'object' ? Reflect.get(current, 'code') : undefined
    found.push(typeof code === 'string' ? `${toMessage(current)} (${code})` : toMessage(current))
  }
  return found
}

/** Takes out what could move the cursor or ring the bell; messages may quote names from anywhere. */
export function stripControls(text: string): string {
  return text
    .replace(/\r\n/g, '\n')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}
