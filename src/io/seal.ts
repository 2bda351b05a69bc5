import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import type { ScryptOptions } from 'node:crypto'
import { FlotillaError } from '../core/errors.ts'

/** Bytes encrypted under a passphrase, as JSON holds them: base64 throughout. */
export interface Sealed {
  readonly kdf: 'scrypt'
  /** Cost: memory is 128 · N · r bytes. */
  readonly N: number
  readonly r: number
  readonly p: number
  readonly salt: string
  readonly cipher: 'aes-256-gcm'
  readonly iv: string
  readonly tag: string
  readonly data: string
}

const cost = { N: 32_768, r: 8, p: 1 } as const
const maxMemory = 512 * 1024 * 1024

/** Encrypts and authenticates: what was changed on the way does not open. */
export async function seal(content: Uint8Array, passphrase: string): Promise<Sealed> {
  const salt = randomBytes(16)
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', await derive(passphrase, salt, cost), iv)
  const data = Buffer.concat([cipher.update(content), cipher.final()])
  return {
    kdf: 'scrypt',
    ...cost,
    salt: salt.toString('base64'),
    cipher: 'aes-256-gcm',
    iv: iv.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    data: data.toString('base64'),
  }
}

/** @throws {machine/usage} for a wrong passphrase and for content that was changed */
export async function unseal(sealed: Sealed, passphrase: string): Promise<Uint8Array> {
  const { kdf, cipher, N, r, p } = sealed
  const isKnown = kdf === 'scrypt' && cipher === 'aes-256-gcm' && [N, r, p].every((value) => Number.isInteger(value))
  // A cost from a file must not take all memory.
  if (!isKnown || N < 2 || N * r * 128 > maxMemory || p < 1 || p > 16) {
    throw new FlotillaError('machine/usage', 'it is encrypted in a way that is not known')
  }
  try {
    const key = await derive(passphrase, Buffer.from(sealed.salt, 'base64'), { N, r, p })
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(sealed.iv, 'base64'), { authTagLength: 16 })
    decipher.setAuthTag(Buffer.from(sealed.tag, 'base64'))
    return Buffer.concat([decipher.update(Buffer.from(sealed.data, 'base64')), decipher.final()])
  } catch (error) {
    throw new FlotillaError('machine/usage', 'the passphrase is wrong, or it was changed', { cause: error })
  }
}

function derive(passphrase: string, salt: Uint8Array, params: Pick<ScryptOptions, 'N' | 'r' | 'p'>): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, 32, { ...params, maxmem: maxMemory * 2 }, (error, key) => {
      // The executable's runtime says `undefined` where Node says `null`.
      if (error instanceof Error) reject(error)
      else resolve(key)
    })
  })
}
