import { promises as fs } from 'node:fs'
import { join } from 'node:path'
import { FlotillaError } from '../core/errors.ts'
import { readTextFile, writeFileAtomic } from '../io/files.ts'

/**
 * How far the replacement of the store's authority has come. Each stage may be done any number of times.
 *
 * - `trust`: clients come to trust both authorities
 * - `engines`: each engine comes to trust both, with a certificate of the new one
 * - `clients`: the client pair becomes one of the new authority
 * - `forget`: clients and engines stop trusting the old one
 */
export type RotationStage = 'trust' | 'engines' | 'clients' | 'forget'

export interface RotationState {
  readonly version: 1
  readonly stage: RotationStage
  /** Machines that have this stage behind them. */
  readonly done: readonly string[]
}

/** Beside the authority's certificate while it is being replaced. */
export const crossFile = 'ca-cross.pem'

/** Files of a rotation, beside the authority they are about. */
export function rotationFiles(certDir: string): {
  readonly state: string
  readonly lock: string
  readonly newCert: string
  readonly newKey: string
  readonly oldCert: string
  /** The new authority certified by the old one: engines show it to clients that know only the old one. */
  readonly cross: string
} {
  return {
    state: join(certDir, 'rotation.json'),
    lock: join(certDir, '.rotation.lock'),
    newCert: join(certDir, 'ca-new.pem'),
    newKey: join(certDir, 'ca-new-key.pem'),
    oldCert: join(certDir, 'ca-old.pem'),
    cross: join(certDir, crossFile),
  }
}

/** @throws {machine/store} when the file is damaged */
export async function readRotation(certDir: string): Promise<RotationState | undefined> {
  const { state: path } = rotationFiles(certDir)
  const text = await readTextFile(path)
  if (text === undefined) return undefined
  try {
    const state = JSON.parse(text) as RotationState
    const isKnown = ['trust', 'engines', 'clients', 'forget'].includes(state.stage) && Array.isArray(state.done)
    if (state.version === 1 && isKnown) return state
  } catch {
    // Falls through to the one error.
  }
  throw new FlotillaError('machine/store', `${path} is damaged: it says how far the rotation of the authority has come`)
}

export async function writeRotation(certDir: string, state: RotationState): Promise<void> {
  await writeFileAtomic(rotationFiles(certDir).state, `${JSON.stringify(state)}\n`, 0o600)
}

/** The rotation is over: nothing of it stays. The key of the old authority has long been replaced. */
export async function clearRotation(certDir: string): Promise<void> {
  const { state, newCert, newKey, oldCert } = rotationFiles(certDir)
  await fs.rm(state, { force: true })
  for (const path of [newCert, newKey, oldCert]) await fs.rm(path, { force: true })
}
