import { FlotillaError, toMessage } from '../core/errors.ts'
import { readTextFile } from '../io/files.ts'
import type { TlsMaterial } from '../engine/endpoint.ts'
import type { ListenTls } from './api/listen.ts'

/** The TLS flags of a server that is also a client. */
export interface TlsFlags {
  readonly tls: boolean
  readonly tlsverify: boolean
  readonly tlscacert: string | undefined
  readonly tlscert: string | undefined
  readonly tlskey: string | undefined
}

/** One pair serves all roles: server, client to engines, client to the primary. */
export interface TlsFiles {
  readonly listenTls?: ListenTls
  readonly engineTls?: TlsMaterial
}

function invalid(message: string, cause?: unknown): FlotillaError {
  return new FlotillaError('cluster/invalid-option', message, cause === undefined ? {} : { cause })
}

/** @throws {cluster/invalid-option} in the words of the ancestor (classicswarm cli/manage.go) */
export function checkTlsFlags(flags: TlsFlags): void {
  const hasFiles = isSet(flags.tlscacert) || isSet(flags.tlscert) || isSet(flags.tlskey)
  if (!flags.tls && !flags.tlsverify) {
    if (hasFiles) throw invalid('--tlscert, --tlskey and --tlscacert require the use of either --tls or --tlsverify')
    return
  }
  if (!isSet(flags.tlscert) || !isSet(flags.tlskey)) {
    throw invalid('--tlscert and --tlskey must be provided when using --tls')
  }
  if (flags.tlsverify && !isSet(flags.tlscacert)) {
    throw invalid('--tlscacert must be provided when using --tlsverify')
  }
}

/**
 * Reads the files that the flags name and makes sure that certificate and key belong together.
 * @throws {cluster/invalid-option} in the words of the ancestor
 */
export async function readTlsFiles(flags: TlsFlags): Promise<TlsFiles> {
  const { tlscert, tlskey, tlscacert } = flags
  if (!isSet(tlscert) || !isSet(tlskey)) return {}
  // One after the other: of two files that are missing the certificate is named, every time.
  const cert = await readPem(tlscert, flags)
  const key = await readPem(tlskey, flags)
  const ca = isSet(tlscacert) ? await readCa(tlscacert) : undefined
  await checkPair(cert, key, flags)
  return {
    listenTls: { cert, key, ...(flags.tlsverify && ca !== undefined ? { clientCa: ca } : {}) },
    engineTls: { cert, key, isVerified: flags.tlsverify, ...(ca === undefined ? {} : { ca }) },
  }
}

function isSet(path: string | undefined): path is string {
  return path !== undefined && path !== ''
}

function pairProblem(flags: TlsFlags, reason: string, cause?: unknown): FlotillaError {
  const pair = `${flags.tlscert ?? ''}, ${flags.tlskey ?? ''}`
  return invalid(`Couldn't load X509 key pair (${pair}): ${reason}. Key encrypted?`, cause)
}

async function readPem(path: string, flags: TlsFlags): Promise<string> {
  const text = await readTextFile(path).catch((error: unknown) => {
    throw pairProblem(flags, toMessage(error), error)
  })
  if (text === undefined) throw pairProblem(flags, `open ${path}: no such file or directory`)
  return text
}

async function readCa(path: string): Promise<string> {
  const text = await readTextFile(path).catch((error: unknown) => {
    throw invalid(`Couldn't read CA certificate: ${toMessage(error)}`, error)
  })
  if (text === undefined) throw invalid(`Couldn't read CA certificate: open ${path}: no such file or directory`)
  if (!text.includes('-----BEGIN CERTIFICATE-----')) {
    throw invalid(`Couldn't read CA certificate: ${path} holds no certificate`)
  }
  return text
}

async function checkPair(cert: string, key: string, flags: TlsFlags): Promise<void> {
  const { createSecureContext } = await import('node:tls')
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    throw pairProblem(flags, toMessage(error), error)
  }
}
