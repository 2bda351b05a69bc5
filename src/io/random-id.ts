import { Buffer } from 'node:buffer'
import { randomFillSync } from 'node:crypto'

/** Drawn at once: a call of its own for each ID costs more than everything else about it. */
const pool: Buffer = Buffer.allocUnsafeSlow(4096)
let used = pool.length

/** @returns an ID that nobody can guess, in hexadecimal, two digits a byte */
export function randomId(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const text = pool.toString('hex', used, used + bytes)
  used += bytes
  return text
}
