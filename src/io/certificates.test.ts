import { execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, connect } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { isPairOf, issueCertificate, makeCa, readCertificate } from './certificates.ts'
import type { CertificatePair, KeyKind } from './certificates.ts'

const folder = mkdtempSync(join(tmpdir(), 'certificates-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const nowMs = Date.now()

function caWanted(keyKind: KeyKind) {
  return { commonName: 'Ørsted CA', organization: 'ada', keyKind, nowMs, days: 3650 }
}

function leafWanted(keyKind: KeyKind) {
  return {
    commonName: 'web',
    organization: 'ada.web',
    keyKind,
    nowMs,
    days: 397,
    usages: ['server', 'client'] as const,
    names: ['web.example', '10.0.0.7', '127.0.0.1', 'fe80::1:2', '::ffff:10.1.2.3', 'localhost'],
  }
}

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function put(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

async function handshake(ca: string, server: CertificatePair, client: CertificatePair): Promise<string | undefined> {
  const listener = createServer({ ca, ...server, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      listener.on('secureConnection', (socket) => socket.end('hello'))
      listener.on('tlsClientError', reject)
      const socket = connect({ host: '127.0.0.1', port, ca, ...client })
      socket.on('error', reject)
      socket.on('data', (chunk) => resolve(chunk.toString()))
    })
  } finally {
    listener.close()
  }
}

describe('certificates', () => {
  for (const [caKind, leafKind] of [
    ['ecdsa', 'ecdsa'],
    ['rsa', 'ecdsa'],
    ['ecdsa', 'rsa'],
  ] as const) {
    it(`an ${caKind} authority issues ${leafKind} pairs that openssl and a mutual TLS handshake accept`, async () => {
      const ca = await makeCa(caWanted(caKind))
      const server = await issueCertificate(ca, leafWanted(leafKind))
      const client = await issueCertificate(ca, { ...leafWanted(leafKind), usages: ['client'], names: [] })
      const caPath = put(`${caKind}-ca.pem`, ca.cert)
      const path = put(`${caKind}-server.pem`, server.cert)
      expect(openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', caPath, path)).toContain('OK')
      expect(await handshake(ca.cert, server, client)).toBe('hello')
      expect(isPairOf(server, ca.cert)).toBe(true)
      expect(isPairOf({ cert: server.cert, key: client.key }, ca.cert)).toBe(false)
    })
  }

  it('the fields are those docker-machine writes: usages, constraints, names and a start five minutes ago', async () => {
    const ca = await makeCa(caWanted('ecdsa'))
    const server = await issueCertificate(ca, leafWanted('ecdsa'))
    const text = openssl('x509', '-noout', '-text', '-in', put('text.pem', server.cert))
    expect(text).toContain('CA:FALSE')
    expect(text).toContain('Digital Signature, Key Encipherment, Key Agreement')
    expect(text).toContain('TLS Web Server Authentication, TLS Web Client Authentication')
    expect(readCertificate(server.cert).names).toBe(
      'DNS:web.example, IP Address:10.0.0.7, IP Address:127.0.0.1, IP Address:FE80:0:0:0:0:0:1:2, IP Address:0:0:0:0:0:FFFF:A01:203, DNS:localhost',
    )
    const facts = readCertificate(ca.cert)
    expect(facts.isCa).toBe(true)
    expect(nowMs - facts.notBeforeMs).toBeGreaterThanOrEqual(5 * 60_000)
    expect(nowMs - facts.notBeforeMs).toBeLessThanOrEqual(6 * 60_000)
    expect(facts.notAfterMs - facts.notBeforeMs).toBe(3650 * 86_400_000)
  })

  it('takes an RSA authority made by openssl with another string type in its name', async () => {
    const key = put('old-ca-key.pem', '')
    const cert = put('old-ca.pem', '')
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-subj',
      '/O=root',
      '-days',
      '3',
      '-sha256',
    )
    const pkcs1 = openssl('rsa', '-in', key, '-traditional')
    expect(pkcs1).toContain('BEGIN RSA PRIVATE KEY')
    const ca = { cert: openssl('x509', '-in', cert), key: pkcs1 }
    const server = await issueCertificate(ca, leafWanted('ecdsa'))
    expect(openssl('verify', '-CAfile', cert, put('old-server.pem', server.cert))).toContain('OK')
    expect(new X509Certificate(server.cert).checkIssued(new X509Certificate(ca.cert))).toBe(true)
  })

  it('a validity beyond 2049 is written in the long form', async () => {
    const ca = await makeCa({ ...caWanted('ecdsa'), days: 36_500 })
    expect(new X509Certificate(ca.cert).validTo).toMatch(/21\d\d GMT$/)
  })

  it('keys are written in the forms old Go releases read', async () => {
    expect((await makeCa(caWanted('ecdsa'))).key).toContain('BEGIN EC PRIVATE KEY')
    const rsa = await makeCa(caWanted('rsa'))
    expect(rsa.key).toContain('BEGIN RSA PRIVATE KEY')
    expect(createPrivateKey(rsa.key).asymmetricKeyDetails?.modulusLength).toBe(2048)
  })

  it('unreadable certificates and keys are errors that say so', async () => {
    const ca = await makeCa(caWanted('ecdsa'))
    expect(() => readCertificate('nonsense')).toThrow(/^cannot read certificate: /)
    await expect(issueCertificate({ ...ca, key: 'nonsense' }, leafWanted('ecdsa'))).rejects.toThrow(
      /^cannot read private key: /,
    )
    const dsa = generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    await expect(issueCertificate({ ...ca, key: dsa }, leafWanted('ecdsa'))).rejects.toThrow(/x25519 cannot sign/)
  })
})
