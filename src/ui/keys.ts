import process from 'node:process'
import type { Readable } from 'node:stream'

/** What a terminal that is read key by key needs. */
interface RawInput extends Readable {
  setRawMode?(isRaw: boolean): unknown
}

/** Reading a terminal key by key. */
export interface Keys {
  /** Stops this program as Ctrl-Z does, with the terminal as it was, until it is continued. */
  suspend(): void
  /** Gives the terminal back. Idempotent. */
  close(): void
}

/**
 * Takes the keys of a terminal one by one: Ctrl-C too is a key (`\u0003`) then and no signal.
 *
 * @param onKey one character
 * @param onResume called when the program goes on after `suspend`
 */
export function readKeys(stdin: Readable, onKey: (key: string) => void, onResume: () => void): Keys {
  const input: RawInput = stdin
  let isOpen = true
  const onData = (chunk: Buffer | string): void => {
    for (const key of chunk.toString()) if (isOpen) onKey(key)
  }
  const open = (): void => {
    input.setRawMode?.(true)
    input.resume()
  }
  input.on('data', onData)
  open()
  return {
    suspend() {
      input.setRawMode?.(false)
      process.once('SIGCONT', () => {
        if (!isOpen) return
        open()
        onResume()
      })
      // The whole group, as the terminal does it: the command that called this one stops too.
      process.kill(0, 'SIGTSTP')
    },
    close() {
      if (!isOpen) return
      isOpen = false
      input.off('data', onData)
      input.setRawMode?.(false)
      input.pause()
    },
  }
}
