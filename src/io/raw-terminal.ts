import { spawnSync } from 'node:child_process'
import type { Readable } from 'node:stream'
import { findExecutable } from './find-executable.ts'

/**
 * Makes the terminal behind an input raw, both ways: each key is handed over as it is pressed, and each byte that is
 * written goes to the screen as it is. Without effect where no terminal is.
 *
 * The runtimes' own raw mode goes on writing a carriage return before each line feed (libuv, `UV_TTY_MODE_RAW`; Bun does the same).
 * A terminal at the other end has written its own, and a full-screen program that goes one line down with a bare line feed would find itself in
 * the first column. `stty` takes that away; where there is none, what lines need is there all the same.
 *
 * @param env its PATH is searched
 * @returns the way back
 */
export async function makeRaw(input: Readable, env: Readonly<Record<string, string | undefined>>): Promise<() => void> {
  const setRawMode: unknown = Reflect.get(input, 'setRawMode')
  const fd: unknown = Reflect.get(input, 'fd')
  if (typeof setRawMode !== 'function') return () => {}
  const stty = process.platform === 'win32' || typeof fd !== 'number' ? undefined : await findExecutable('stty', env)
  setRawMode.call(input, true)
  // Waited for: it must not come after the way back.
  if (stty !== undefined)
    spawnSync(stty, ['-opost'], { stdio: [fd as number, 'ignore', 'ignore'], timeout: sttyMs, killSignal: 'SIGKILL' })
  return () => void setRawMode.call(input, false)
}

/** It takes a few milliseconds. */
const sttyMs = 2000
