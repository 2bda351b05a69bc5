import { FlotillaError } from '../core/errors.ts'

/** The keys docker detaches on unless told otherwise. */
export const defaultDetachKeys = 'ctrl-p,ctrl-q'

/** Looks for the detach keys in what is typed. */
export interface DetachScanner {
  /**
   * @returns what is to be sent on, a begun sequence held back until it is decided; and whether the keys were complete
   */
  push(typed: Uint8Array): { readonly forward: Uint8Array; readonly isDetached: boolean }
}

/**
 * Reads `ctrl-p,ctrl-q`: single characters, or `ctrl-` with a letter or one of `@ [ \ ] ^ _`.
 *
 * @throws {cli/invalid-value} naming the text
 */
export function parseDetachKeys(text: string): Uint8Array {
  const bytes = text.split(',').map((key) => {
    if (key.length === 1 && key <= '\u007f') return key.charCodeAt(0)
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1]
    if (control === undefined) {
      throw new FlotillaError('cli/invalid-value', `invalid detach keys (${text}): unknown character: '${key}'`)
    }
    return control.toUpperCase().charCodeAt(0) - 0x40
  })
  return Uint8Array.from(bytes)
}

/** A scanner at the start of a session. */
export function makeDetachScanner(keys: Uint8Array): DetachScanner {
  let matched = 0
  return {
    push(typed) {
      const forward: number[] = []
      for (const byte of typed) {
        if (byte !== keys[matched]) {
          // What was held back is text after all; the byte itself may begin the sequence anew.
          forward.push(...keys.subarray(0, matched))
          matched = 0
        }
        if (byte === keys[matched]) matched += 1
        else forward.push(byte)
        if (matched === keys.length) return { forward: Uint8Array.from(forward), isDetached: true }
      }
      return { forward: Uint8Array.from(forward), isDetached: false }
    },
  }
}
