import { promises as fs } from 'node:fs'
import type { CallOptions } from '../core/call.ts'
import type { Clock } from '../core/clock.ts'
import { execChecked } from '../io/exec.ts'

/**
 * Makes the key that a machine is logged in to with, and its public half beside it. One that an interrupted creation has left
 * is replaced: ssh-keygen would ask about it, and nobody is there to answer.
 *
 * @param path docker-machine calls the file `id_rsa` whatever kind the key is of
 */
export async function makeSshKey(path: string, clock: Clock, o: CallOptions): Promise<void> {
  for (const each of [path, `${path}.pub`]) await fs.rm(each, { force: true })
  await execChecked(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path], { ...o, clock })
}
