import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP, isIPv4 } from 'node:net'
import { promisify } from 'node:util'
import { FlotillaError, toMessage } from '../core/errors.ts'
import { goQuote } from '../core/goquote.ts'
import { derCertificate, derCertificateBody, derName, readSubject, readSubjectKeyId } from '../core/x509/certificate.ts'
import type { CertificateBody, SignatureKind, SubjectName } from '../core/x509/certificate.ts'
import { readDerItems } from '../core/x509/der.ts'

/** A certificate and its private key as PEM text. */
export interface CertificatePair {
  readonly cert: string
  readonly key: string
}

/** `ecdsa` is P-256; `rsa` has 2048 bits, for engines and clients too old for curves. */
export type KeyKind = 'ecdsa' | 'rsa'

export interface CertificateWanted {
  readonly commonName: string
  readonly organization: string
  readonly keyKind: KeyKind
  readonly nowMs: number
  readonly days: number
}

/** How long a certificate lives. */
export type CrossWanted = Pick<CertificateWanted, 'nowMs' | 'days'>

export interface LeafWanted extends CertificateWanted {
  readonly usages: readonly ('server' | 'client')[]
  /** Subject alternative names; those that parse as IP addresses become IP names. */
  readonly names: readonly string[]
  /** Private key to certify, as PEM; absent: a new one. */
  readonly key?: string
}

const dayMs = 86_400_000
const clockSkewMs = 5 * 60_000
const generate = promisify(generateKeyPair)

/** Makes a self-signed certificate authority. */
export async function makeCa(wanted: CertificateWanted): Promise<CertificatePair> {
  const key = await makeKey(wanted.keyKind)
  const name = derName(wanted.organization, wanted.commonName)
  const cert = signBody(key, {
    ...startBody(wanted, key, name),
    issuer: name,
    isCa: true,
    keyUsages: ['digitalSignature', 'keyEncipherment', 'keyAgreement', 'keyCertSign'],
    purposes: [],
    names: [],
  })
  return { cert, key: exportKey(key) }
}

/**
 * Makes a pair signed by an authority, whose key may be RSA, ECDSA or Ed25519 in PKCS#1, SEC1 or PKCS#8 form.
 *
 * @throws {machine/certificate} when the authority's certificate or key cannot be read
 */
export async function issueCertificate(ca: CertificatePair, wanted: LeafWanted): Promise<CertificatePair> {
  const caKey = readKey(ca.key)
  const caDer = readCertificate(ca.cert).der
  const issuer = readSubject(caDer)
  const authorityKeyId = readSubjectKeyId(caDer)
  if (issuer === undefined)
    throw new FlotillaError('machine/certificate', 'cannot read the name of the certificate authority')
  const key = wanted.key === undefined ? await makeKey(wanted.keyKind) : readKey(wanted.key)
  const isServer = wanted.usages.includes('server')
  const cert = signBody(caKey, {
    ...startBody(wanted, key, derName(wanted.organization, wanted.commonName)),
    issuer,
    isCa: false,
    keyUsages: isServer ? ['digitalSignature', 'keyEncipherment', 'keyAgreement'] : ['digitalSignature'],
    purposes: wanted.usages,
    names: wanted.names.map(toSubjectName),
    ...(authorityKeyId && { authorityKeyId }),
  })
  return { cert, key: exportKey(key) }
}

/**
 * Certifies one authority by another: who trusts only the other accepts what the first has signed, if shown this as well.
 *
 * @returns the certificate, with the name and key of the first authority
 */
export function crossSign(by: CertificatePair, authority: CertificatePair, wanted: CrossWanted): string {
  const byDer = readCertificate(by.cert).der
  const [issuer, subject] = [readSubject(byDer), readSubject(readCertificate(authority.cert).der)]
  if (issuer === undefined || subject === undefined)
    throw new FlotillaError('machine/certificate', 'cannot read the name of the certificate authority')
  const authorityKeyId = readSubjectKeyId(byDer)
  return signBody(readKey(by.key), {
    ...startBody(wanted, readKey(authority.key), subject),
    issuer,
    isCa: true,
    keyUsages: ['digitalSignature', 'keyCertSign'],
    purposes: [],
    names: [],
    ...(authorityKeyId && { authorityKeyId }),
  })
}

/** What a certificate says of itself. */
export interface CertificateFacts {
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly isCa: boolean
  /** Subject alternative names as written, `DNS:a, IP Address:10.0.0.1`; empty when there are none. */
  readonly names: string
  readonly der: Uint8Array
}

/**
 * @param file where the text is from, for the message
 * @throws {machine/certificate} when the text is no certificate
 */
export function readCertificate(pem: string, file?: string): CertificateFacts {
  try {
    const certificate = new X509Certificate(pem)
    return {
      notBeforeMs: Date.parse(certificate.validFrom),
      notAfterMs: Date.parse(certificate.validTo),
      isCa: certificate.ca,
      names: certificate.subjectAltName ?? '',
      der: certificate.raw,
    }
  } catch (error) {
    throw new FlotillaError('machine/certificate', `cannot read certificate${nameOf(file)}: ${toMessage(error)}`, {
      cause: error,
    })
  }
}

/** True when the certificate names this address or host as its subject; wildcards do not count. */
export function namesHost(pem: string, host: string): boolean {
  const certificate = new X509Certificate(pem)
  if (isIP(host) !== 0) return certificate.checkIP(host) !== undefined
  const names = (certificate.subjectAltName ?? '').toLowerCase().split(', ')
  return names.includes(`dns:${host.toLowerCase()}`)
}

/** True when the certificate was signed by the authority, or one of several in the text, and the key is the certificate's own. */
export function isPairOf(pair: CertificatePair, caPem: string): boolean {
  try {
    const certificate = new X509Certificate(pair.cert)
    return (
      certificate.checkPrivateKey(readKey(pair.key)) &&
      splitCertificates(caPem).some((ca) => certificate.verify(new X509Certificate(ca).publicKey))
    )
  } catch {
    return false
  }
}

/** The certificates of a PEM text, in their order; what is between them is left out. */
export function splitCertificates(pem: string): readonly string[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return found.map((text) => `${text}\n`)
}

/**
 * The one of several certificates that a key belongs to; `undefined`: none.
 *
 * @param keyFile where the key is from, for the message
 */
export function findCertificateOf(pem: string, key: string, keyFile?: string): string | undefined {
  const privateKey = readKey(key, keyFile)
  return splitCertificates(pem).find((text) => new X509Certificate(text).checkPrivateKey(privateKey))
}

function readKey(pem: string, file?: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw new FlotillaError('machine/certificate', `cannot read private key${nameOf(file)}: ${toMessage(error)}`, {
      cause: error,
    })
  }
}

function nameOf(file: string | undefined): string {
  return file === undefined ? '' : ` ${goQuote(file)}`
}

async function makeKey(kind: KeyKind): Promise<KeyObject> {
  if (kind === 'rsa') return (await generate('rsa', { modulusLength: 2048 })).privateKey
  return (await generate('ec', { namedCurve: 'P-256' })).privateKey
}

/** The forms every Go release reads: PKCS#1 for RSA, SEC1 for curves. */
function exportKey(key: KeyObject): string {
  const type = key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1'
  return key.export({ type, format: 'pem' }).toString()
}

type BodyStart = Omit<CertificateBody, 'issuer' | 'isCa' | 'keyUsages' | 'purposes' | 'names' | 'signature'>

/** Validity starts a little early, for hosts whose clock is behind, and on a whole minute. */
function startBody(wanted: CrossWanted, key: KeyObject, subject: Uint8Array): BodyStart {
  const startMs = Math.floor((wanted.nowMs - clockSkewMs) / 60_000) * 60_000
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const bits = readDerItems(readDerItems(publicKey)[0]?.content ?? publicKey)[1]?.content ?? publicKey
  return {
    serial: makeSerial(),
    subject,
    notBeforeMs: startMs,
    notAfterMs: startMs + wanted.days * dayMs,
    publicKey,
    subjectKeyId: createHash('sha1').update(bits.subarray(1)).digest(),
  }
}

function signBody(key: KeyObject, unsigned: Omit<CertificateBody, 'signature'>): string {
  const signature = signatureOf(key)
  const body = derCertificateBody({ ...unsigned, signature })
  const signed = sign(signature === 'ed25519' ? null : 'sha256', body, key)
  const base64 = derCertificate(body, signature, signed).toString('base64')
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`
}

function signatureOf(key: KeyObject): SignatureKind {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return 'rsa-sha256'
    case 'ec':
      return 'ecdsa-sha256'
    case 'ed25519':
      return 'ed25519'
    default: {
      const type = key.asymmetricKeyType ?? 'unknown'
      throw new FlotillaError(
        'machine/certificate',
        `keys of type ${type} cannot sign certificates; use RSA, ECDSA or Ed25519`,
      )
    }
  }
}

function makeSerial(): Uint8Array {
  const bytes = randomBytes(16)
  // Positive and never zero.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01
  return bytes
}

function toSubjectName(name: string): SubjectName {
  if (isIP(name) === 0) return { kind: 'dns', value: name }
  return { kind: 'ip', bytes: isIPv4(name) ? Uint8Array.from(name.split('.').map(Number)) : toIpv6Bytes(name) }
}

function toIpv6Bytes(address: string): Uint8Array {
  const withoutZone = address.split('%')[0] ?? address
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(withoutZone)
  const tail = dotted?.slice(1).map(Number) ?? []
  const [a = 0, b = 0, c = 0, d = 0] = tail
  const plain =
    dotted === null
      ? withoutZone
      : `${withoutZone.slice(0, dotted.index)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  const [head = '', rest] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = rest === undefined || rest === '' ? [] : rest.split(':')
  const middle = rest === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0')
  const groups = [...left, ...middle, ...right].map((group) => Number.parseInt(group, 16))
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]))
}
