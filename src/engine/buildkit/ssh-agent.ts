import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { Socket, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ParsedKey } from 'ssh2'
import { FlotillaError } from '../../core/errors.ts'
import { fileReason } from '../../core/file-reason.ts'

/**
 * A connection to an SSH agent: that of a socket, or one made up for a key file.
 *
 * @param path a socket or a private key without passphrase
 * @throws {io/ssh}
 */
export async function openAgent(path: string): Promise<Duplex> {
  try {
    if ((await stat(path)).isSocket()) return connect(path)
    return await serveKey(await readFile(path))
  } catch (error) {
    throw new FlotillaError('io/ssh', `cannot use SSH key or agent ${JSON.stringify(path)}: ${fileReason(error)}`, {
      cause: error,
    })
  }
}

/**
 * Finds out whether the agent or key at a path can be used.
 *
 * @throws {io/ssh}
 */
export async function checkAgent(path: string): Promise<void> {
  const agent = await openAgent(path)
  try {
    if (agent instanceof Socket && agent.connecting) await once(agent, 'connect')
  } catch (error) {
    throw new FlotillaError('io/ssh', `cannot use SSH key or agent ${JSON.stringify(path)}: ${fileReason(error)}`, {
      cause: error,
    })
  } finally {
    agent.destroy()
  }
}

/** An agent that holds one key. */
async function serveKey(text: Buffer): Promise<Duplex> {
  const { default: ssh2 } = await import('ssh2')
  const key = ssh2.utils.parseKey(text)
  if (key instanceof Error) throw key
  const parsed = Array.isArray(key) ? key[0] : key
  if (parsed === undefined) throw new FlotillaError('io/ssh', 'no key in it')
  // It would be shown, and then sign nothing.
  if (!parsed.isPrivateKey()) throw new FlotillaError('io/ssh', 'it is a public key')
  const agent = new ssh2.AgentProtocol(false)
  agent.on('identities', (request) => agent.getIdentitiesReply(request, [parsed]))
  agent.on('sign', (request, wanted, data, { hash }) => {
    if (!parsed.getPublicSSH().equals(toPublic(wanted))) return agent.failureReply(request)
    const signature = parsed.sign(data, hash)
    if (signature instanceof Error) return agent.failureReply(request)
    return agent.signReply(request, signature)
  })
  return agent
}

function toPublic(key: ParsedKey | Buffer | string): Buffer {
  return typeof key === 'object' && 'getPublicSSH' in key ? key.getPublicSSH() : Buffer.from(key)
}
