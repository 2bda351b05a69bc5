import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isPairOf, splitCertificates } from '../../src/io/certificates.ts'
import { ensurePrograms, executableForm } from './programs.ts'
import type { RunResult } from './programs.ts'

/** The authority of a store is replaced under two real engines while clients go on calling them. */

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'

interface Pem {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** What became of calls: answered, not connected (the engine was restarting), or refused. */
interface Tally {
  answered: number
  unconnected: number
  readonly refused: string[]
}

function ping(host: string, pem: Pem): Promise<string> {
  return new Promise((resolve) => {
    const call = request({ host, port: 2376, path: '/_ping', agent: false, timeout: 10_000, ...pem }, (reply) => {
      reply.resume()
      reply.on('end', () => resolve(reply.statusCode === 200 ? 'answered' : `status ${reply.statusCode}`))
      reply.on('error', () => resolve('unconnected'))
    })
    call.on('timeout', () => call.destroy(new Error('timeout')))
    call.on('error', (error: NodeJS.ErrnoException) => {
      const isDown = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EHOSTUNREACH'].includes(error.code ?? '')
      resolve(isDown ? 'unconnected' : `${error.code ?? ''} ${error.message}`)
    })
    call.end()
  })
}

describe.runIf(isRoot)('rotation of the authority (needs root on Linux)', () => {
  let folder: string
  const names = ['one', 'two'] as const
  const addresses = new Map<string, string>()
  const form = executableForm

  beforeAll(async () => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-certs-'))
    const made = await machine(['create', '-d', 'local', '--tls-key-type', 'rsa', ...names])
    expect(made).toMatchObject({ code: 0, stderr: '' })
    expect(made.stdout).toContain('(two) Docker is up and running!')
    for (const name of names) addresses.set(name, (await machine(['ip', name])).stdout.trim())
  }, 180_000)
  afterAll(async () => {
    await machine(['rm', '-f', ...names])
    rmSync(folder, { recursive: true, force: true })
  })

  function machine(args: readonly string[], env: Record<string, string> = {}): Promise<RunResult> {
    if (form === undefined) throw new Error('no program')
    return form.run('docker-machine', args, {
      env: {
        HOME: folder,
        MACHINE_STORAGE_PATH: join(folder, 'store'),
        FLOTILLA_LOCAL_DIR: join(folder, 'local'),
        FLOTILLA_LOCAL_SUBNET: '10.214.41.0/24',
        ...env,
      },
      timeoutMs: 180_000,
    })
  }

  const cert = (file: string): string => join(folder, 'store', 'certs', file)

  function read(place: string): Pem {
    const [ca = '', own = '', key = ''] = ['ca.pem', 'cert.pem', 'key.pem'].map((file) =>
      readFileSync(join(folder, 'store', place, file), 'utf8'),
    )
    return { ca, cert: own, key }
  }

  /** Calls every machine without a pause until stopped, with the certificates of that moment. */
  function hammer(pemOf: (name: string) => Pem): { stop(): Promise<Tally> } {
    const tally: Tally = { answered: 0, unconnected: 0, refused: [] }
    const stopped = new AbortController()
    const loops = names.map(async (name) => {
      while (!stopped.signal.aborted) {
        const outcome = await ping(addresses.get(name) ?? '', pemOf(name))
        if (outcome === 'answered') tally.answered += 1
        else if (outcome === 'unconnected') tally.unconnected += 1
        else tally.refused.push(`${name}: ${outcome}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    })
    return {
      async stop() {
        stopped.abort()
        await Promise.all(loops)
        return tally
      },
    }
  }

  it('no client is refused at any moment, also across a kill; the old authority ends with the last step', async () => {
    const before = read('certs')
    expect(before.key).toContain('BEGIN RSA PRIVATE KEY')
    const present = hammer((name) => read(`machines/${name}`))
    const frozen = hammer(() => before)

    // Killed after the first engine: it goes on from there.
    const killed = await machine(['regenerate-certs', '-f', '--rotate-ca', '--keep-old-ca'], {
      FLOTILLA_FAILPOINTS: 'rotate.afterEngine=kill',
    })
    expect(killed.signal).toBe('SIGKILL')
    expect(splitCertificates(readFileSync(cert('ca.pem'), 'utf8'))).toHaveLength(2)
    const half = await machine(['regenerate-certs', '-f', '--rotate-ca', '--keep-old-ca'])
    expect(half).toMatchObject({ code: 0, stderr: '' })
    expect(half.stdout).toContain('Going on with the rotation that was interrupted')
    expect(half.stdout).not.toContain('Renewing the engine of "one"')
    expect(half.stdout).toContain('Both authorities are trusted.')
    const old = await frozen.stop()
    expect(old.refused).toEqual([])
    expect(old.answered).toBeGreaterThan(0)

    const whole = await machine(['regenerate-certs', '-f', '--rotate-ca'])
    expect(whole).toMatchObject({ code: 0, stderr: '' })
    const now = await present.stop()
    expect(now.refused).toEqual([])
    expect(now.answered).toBeGreaterThan(0)

    const after = read('certs')
    expect(splitCertificates(after.ca)).toHaveLength(1)
    expect(after.ca).not.toBe(before.ca)
    expect(after.key).toBe(before.key)
    expect(isPairOf(after, after.ca)).toBe(true)
    for (const name of names) {
      expect(await ping(addresses.get(name) ?? '', after)).toBe('answered')
      expect(await ping(addresses.get(name) ?? '', before)).not.toBe('answered')
      expect(read(`machines/${name}`)).toEqual(after)
    }
    for (const file of ['rotation.json', 'ca-new.pem', 'ca-new-key.pem', 'ca-old.pem', 'ca-cross.pem']) {
      expect(existsSync(cert(file))).toBe(false)
    }
    expect((await machine(['env', 'two'])).code).toBe(0)
  }, 240_000)

  it('a machine that was off during a rotation gets its certificates when it starts', async () => {
    expect((await machine(['stop', 'two'])).code).toBe(0)
    const turned = await machine(['regenerate-certs', '-f', '--rotate-ca'])
    expect(turned).toMatchObject({ code: 0, stderr: '' })
    expect(turned.stdout).toContain('"two" is off: its engine gets the new certificates when it is started')
    const started = await machine(['start', 'two'])
    expect(started.stdout).toContain('Renewing the certificate of "two": the certificate authority is a new one')
    expect((await machine(['config', 'two'])).code).toBe(0)
  }, 180_000)

  it('refuses names, and --keep-old-ca alone', async () => {
    expect(await machine(['regenerate-certs', '-f', '--rotate-ca', 'one'])).toMatchObject({
      code: 1,
      stderr: '--rotate-ca is about all machines of the store: it takes no names\n',
    })
    expect(await machine(['regenerate-certs', '-f', '--keep-old-ca', 'one'])).toMatchObject({
      code: 1,
      stderr: '--keep-old-ca goes with --rotate-ca\n',
    })
  })
})
