import { Buffer } from 'node:buffer'
import {
  derBits,
  derElement,
  derOctets,
  derOid,
  derSequence,
  derSet,
  derText,
  derTime,
  derTrue,
  derUnsigned,
  readDerItems,
} from './der.ts'

/** Key usage bits, numbered as in RFC 5280. */
const keyUsageBits = { digitalSignature: 0, keyEncipherment: 2, keyAgreement: 4, keyCertSign: 5 } as const
export type KeyUsage = keyof typeof keyUsageBits

const extendedKeyUsageOids = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const
export type Purpose = keyof typeof extendedKeyUsageOids

/** How the issuer signs. */
export type SignatureKind = 'rsa-sha256' | 'ecdsa-sha256' | 'ed25519'

export interface CertificateBody {
  /** Unsigned, most significant byte first. */
  readonly serial: Uint8Array
  readonly signature: SignatureKind
  /** DER of the issuer's name: taken over byte for byte, because verifiers compare bytes. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
  readonly isCa: boolean
  readonly keyUsages: readonly KeyUsage[]
  readonly purposes: readonly Purpose[]
  readonly names: readonly SubjectName[]
  /** SHA-1 of the subject's key, for chains where several authorities share a name. */
  readonly subjectKeyId?: Uint8Array
  /** The issuer's own subject key id; strict verifiers want it named. */
  readonly authorityKeyId?: Uint8Array
}

/** A subject alternative name; IP addresses as their 4 or 16 bytes. */
export type SubjectName =
  | { readonly kind: 'dns'; readonly value: string }
  | { readonly kind: 'ip'; readonly bytes: Uint8Array }

/** The name `O=organization, CN=commonName`. */
export function derName(organization: string, commonName: string): Buffer {
  return derSequence(
    derSet(derSequence(derOid('2.5.4.10'), derText(organization))),
    derSet(derSequence(derOid('2.5.4.3'), derText(commonName))),
  )
}

/** The part of a certificate that is signed. */
export function derCertificateBody(body: CertificateBody): Buffer {
  return derSequence(
    derElement(0xa0, derUnsigned(Buffer.from([2]))),
    derUnsigned(body.serial),
    derSignatureAlgorithm(body.signature),
    body.issuer,
    derSequence(derTime(body.notBeforeMs), derTime(body.notAfterMs)),
    body.subject,
    body.publicKey,
    derElement(0xa3, derSequence(...derExtensions(body))),
  )
}

/** The certificate: body, algorithm, signature. */
export function derCertificate(body: Uint8Array, kind: SignatureKind, signature: Uint8Array): Buffer {
  return derSequence(body, derSignatureAlgorithm(kind), derBits(signature))
}

/** The subject's name inside a certificate's DER, or `undefined` when the bytes are no certificate. */
export function readSubject(certificate: Uint8Array): Buffer | undefined {
  const body = readDerItems(readDerItems(certificate)[0]?.content ?? nothing)[0]
  const fields = readDerItems(body?.content ?? nothing)
  // Version is left out by certificates of version 1.
  return fields[fields[0]?.tag === 0xa0 ? 5 : 4]?.whole
}

/** The subject key id a certificate carries, or `undefined` when it has none (docker-machine's own have none). */
export function readSubjectKeyId(certificate: Uint8Array): Buffer | undefined {
  const body = readDerItems(readDerItems(certificate)[0]?.content ?? nothing)[0]
  const wrapper = readDerItems(body?.content ?? nothing).find((field) => field.tag === 0xa3)
  const extensions = readDerItems(readDerItems(wrapper?.content ?? nothing)[0]?.content ?? nothing)
  const oid = derOid('2.5.29.14')
  const found = extensions.map((item) => readDerItems(item.content)).find((fields) => fields[0]?.whole.equals(oid))
  return readDerItems(found?.at(-1)?.content ?? nothing)[0]?.content
}

const nothing = Buffer.alloc(0)
const signatureAlgorithms: Readonly<Record<SignatureKind, string>> = {
  'rsa-sha256': '1.2.840.113549.1.1.11',
  'ecdsa-sha256': '1.2.840.10045.4.3.2',
  ed25519: '1.3.101.112',
}

/** RSA wants an explicit null as its parameter, the others want none. */
function derSignatureAlgorithm(kind: SignatureKind): Buffer {
  const parameters = kind === 'rsa-sha256' ? [Buffer.from([0x05, 0x00])] : []
  return derSequence(derOid(signatureAlgorithms[kind]), ...parameters)
}

function derExtensions(body: CertificateBody): readonly Buffer[] {
  const extensions = [
    derExtension('2.5.29.19', true, body.isCa ? derSequence(derTrue()) : derSequence()),
    derExtension('2.5.29.15', true, derKeyUsage(body.keyUsages)),
  ]
  if (body.purposes.length > 0) {
    const oids = body.purposes.map((purpose) => derOid(extendedKeyUsageOids[purpose]))
    extensions.push(derExtension('2.5.29.37', false, derSequence(...oids)))
  }
  if (body.names.length > 0) extensions.push(derExtension('2.5.29.17', false, derSequence(...body.names.map(derSan))))
  if (body.subjectKeyId !== undefined) {
    extensions.push(derExtension('2.5.29.14', false, derOctets(body.subjectKeyId)))
  }
  if (body.authorityKeyId !== undefined) {
    extensions.push(derExtension('2.5.29.35', false, derSequence(derElement(0x80, body.authorityKeyId))))
  }
  return extensions
}

function derExtension(oid: string, isCritical: boolean, content: Uint8Array): Buffer {
  return derSequence(derOid(oid), ...(isCritical ? [derTrue()] : []), derOctets(content))
}

function derKeyUsage(usages: readonly KeyUsage[]): Buffer {
  const bits = usages.map((usage) => keyUsageBits[usage])
  const byte = bits.reduce<number>((sum, bit) => sum | (0x80 >> bit), 0)
  const unused = 7 - Math.max(...bits)
  return derBits(Buffer.from([byte]), unused)
}

function derSan(name: SubjectName): Buffer {
  return name.kind === 'dns' ? derElement(0x82, Buffer.from(name.value, 'latin1')) : derElement(0x87, name.bytes)
}
