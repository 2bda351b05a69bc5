import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { CallOptions } from '../../core/call.ts'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, isFlotillaError, toMessage } from '../../core/errors.ts'
import { codeOf } from '../../io/files.ts'
import { describeText } from '../json-documents.ts'
import type { WebProxy } from '../../io/http/find-proxy.ts'
import { requestBytes } from '../../io/http/web.ts'
import type { ByteReply, ByteRequest } from '../../io/http/web.ts'
import { askForToken, exchangeToken, parseJson, readLogin } from './login.ts'
import { digestPattern } from './reference.ts'
import type { RegistryReference } from './reference.ts'

/** A thing in a registry, as manifests name it. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly artifactType?: string
  readonly data?: string
  readonly platform?: Readonly<Record<string, unknown>>
}

/** A manifest as it lies in the registry. */
export interface Manifest {
  readonly mediaType: string
  readonly digest: string
  readonly bytes: Buffer
}

export interface RegistryOptions extends CallOptions {
  readonly clock: Clock
  /** What the user is logged in with, asked for when the registry wants to know; see `readRegistryAuth`. */
  readonly auth?: () => Promise<string | undefined>
  /** Speak HTTP without TLS. Loopback addresses may do without. */
  readonly isInsecure?: boolean
  /** Authorities to trust, as PEM text; absent or undefined: those that the run-time brings along. */
  readonly roots?: () => Promise<readonly string[] | undefined>
  /** The proxy on the way to a URL, if there is one; see `findProxy`. */
  readonly proxy?: (url: URL) => WebProxy | undefined
}

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ')

const maxManifestBytes = 4 * 1024 * 1024
/** One request and its whole answer, and on top of it what a large blob takes over a slow line. */
const limitMs = 60_000
const slowestBytesPerMs = 64
const maxRedirections = 5
/** Characters of what a registry says that are shown. */
const mostSaid = 500
const loopbackPattern = /^(?:localhost|127\.[\d.]+|\[::1\])(?::|$)/

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** One repository of one registry, by the Distribution API (OCI distribution-spec 1.1). */
export class RegistryClient {
  readonly #reference: RegistryReference
  readonly #options: RegistryOptions
  /** Scheme, host and port; a loopback address is asked first whether it speaks TLS. */
  #origin: string
  #isSettled: boolean
  #authorization: string | undefined
  #roots: Promise<readonly string[] | undefined> | undefined

  constructor(reference: RegistryReference, options: RegistryOptions) {
    this.#reference = reference
    this.#options = options
    this.#origin = `${options.isInsecure === true ? 'http' : 'https'}://${reference.host}`
    this.#isSettled = options.isInsecure === true || !loopbackPattern.test(reference.host)
  }

  /**
   * @param name a tag or a digest
   * @throws {engine/not-found}, {engine/unauthorized}, {io/protocol} when the content is not what its digest says
   */
  async manifest(name: string): Promise<Manifest> {
    const reply = await this.#call(
      { method: 'GET', path: `manifests/${name}`, headers: { Accept: manifestTypes }, maxBytes: maxManifestBytes },
      'pull',
    )
    this.#expect(reply, [200], name)
    const digest = digestOf(reply.body)
    const wanted = digestPattern.test(name) ? name : undefined
    if (wanted !== undefined && wanted !== digest) throw this.#mismatch(wanted)
    return { mediaType: reply.headers['content-type'] ?? '', digest, bytes: reply.body }
  }

  /** @throws {io/protocol} when it is longer than its descriptor or `maxBytes` say, or is not what its digest says */
  async blob(descriptor: Descriptor, maxBytes: number): Promise<Buffer> {
    const { digest, size } = descriptor
    if (!digestPattern.test(digest)) throw new FlotillaError('io/protocol', `invalid digest ${JSON.stringify(digest)}`)
    if (!(size >= 0 && size <= maxBytes)) {
      throw new FlotillaError('io/protocol', `${digest} of ${this.#where()} is longer than ${maxBytes} bytes`)
    }
    const reply = await this.#call({ method: 'GET', path: `blobs/${digest}`, maxBytes: size }, 'pull')
    this.#expect(reply, [200], digest)
    if (reply.body.length !== size || digestOf(reply.body) !== digest) throw this.#mismatch(digest)
    return reply.body
  }

  async hasBlob(digest: string): Promise<boolean> {
    const known = await this.#call({ method: 'HEAD', path: `blobs/${digest}`, maxBytes: 0 }, 'pull,push')
    return known.status === 200
  }

  async putBlob(bytes: Uint8Array): Promise<string> {
    const digest = digestOf(bytes)
    if (await this.hasBlob(digest)) return digest
    const begun = await this.#call({ method: 'POST', path: 'blobs/uploads/', maxBytes: maxManifestBytes }, 'pull,push')
    this.#expect(begun, [202], digest)
    const location = readLocation(begun.headers.location ?? '', new URL(this.#origin))
    location.searchParams.set('digest', digest)
    const headers = { 'Content-Type': 'application/octet-stream' }
    const put = { method: 'PUT', url: location, headers, body: bytes, maxBytes: maxManifestBytes } as const
    this.#expect(await this.#send(put), [201, 204], digest)
    return digest
  }

  /**
   * @returns the digest of the manifest
   * @throws {io/protocol} too when the answer names another digest, or neither a digest nor a place: that is what
   * something else than a registry says, which takes everything and keeps nothing
   */
  async putManifest(name: string, mediaType: string, bytes: Uint8Array): Promise<string> {
    const headers = { 'Content-Type': mediaType }
    const call = { method: 'PUT', path: `manifests/${name}`, headers, body: bytes, maxBytes: maxManifestBytes } as const
    const reply = await this.#call(call, 'pull,push')
    this.#expect(reply, [200, 201], name)
    const digest = digestOf(bytes)
    const { location, 'docker-content-digest': kept = location === undefined ? '' : digest } = reply.headers
    if (kept === digest) return digest
    const what = kept === '' ? 'nothing' : describeText(String(kept))
    throw new FlotillaError('io/protocol', `${this.#where()} says it keeps ${what} in place of ${digest}`)
  }

  async #call(
    call: Omit<ByteRequest, 'url' | 'headers'> & { readonly path: string; readonly headers?: ByteRequest['headers'] },
    actions: string,
  ): Promise<ByteReply> {
    await this.#settle()
    const url = new URL(`${this.#origin}/v2/${this.#reference.repository}/${call.path}`)
    const { path: _, ...rest } = call
    const request = { ...rest, url, headers: call.headers ?? {} }
    const first = await this.#send(request)
    if (first.status !== 401) return first
    this.#authorization = await this.#authorize(first.headers['www-authenticate'] ?? '', actions)
    return this.#send(request)
  }

  /** As engines do it: a registry on this computer may do without TLS, but not with a certificate nobody trusts. */
  async #settle(): Promise<void> {
    if (this.#isSettled) return
    try {
      await this.#exchange({
        method: 'GET',
        url: new URL(`${this.#origin}/v2/`),
        headers: {},
        maxBytes: maxManifestBytes,
      })
    } catch (error) {
      if (isUntrusted(error) || !isFlotillaError(error) || error.code !== 'io/connect') throw error
      this.#origin = `http://${this.#reference.host}`
    }
    this.#isSettled = true
  }

  /** Redirections are followed, without our credentials once they lead to another host. */
  async #send(request: ByteRequest): Promise<ByteReply> {
    let { url } = request
    for (let count = 0; count <= maxRedirections; count += 1) {
      const isOwn = url.origin === this.#origin
      const authorization = isOwn && this.#authorization !== undefined ? { Authorization: this.#authorization } : {}
      const reply = await this.#exchange({ ...request, url, headers: { ...request.headers, ...authorization } })
      const location = reply.headers.location
      const isRedirection = [301, 302, 303, 307, 308].includes(reply.status) && request.method === 'GET'
      if (!isRedirection || location === undefined) return reply
      url = readLocation(location, url)
    }
    throw new FlotillaError('io/protocol', `${request.url.origin} redirects more than ${maxRedirections} times`)
  }

  async #exchange(request: ByteRequest): Promise<ByteReply> {
    const { clock, roots } = this.#options
    const proxy = this.#options.proxy?.(request.url)
    const ca = request.url.protocol === 'https:' ? await (this.#roots ??= roots?.()) : undefined
    try {
      return await requestBytes(
        { ...request, ...(ca !== undefined && { tls: { ca } }), ...(proxy !== undefined && { proxy }) },
        { deadlineMs: limitMs + Math.ceil(sizeOf(request) / slowestBytesPerMs), ...this.#options },
        clock,
      )
    } catch (error) {
      if (!isUntrusted(error)) throw error
      throw new FlotillaError('io/connect', toMessage(error), {
        cause: error instanceof Error ? error.cause : error,
        hint: `if you trust the certificate of ${request.url.host}, name its authority: SSL_CERT_FILE=ca.pem`,
      })
    }
  }

  /** Docker's token authentication, or the password itself (distribution docs/spec/auth). */
  async #authorize(challenge: string, actions: string): Promise<string> {
    const login = readLogin(await this.#options.auth?.())
    const basic =
      login === undefined || 'token' in login
        ? undefined
        : `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`
    if (/^basic\b/i.test(challenge)) {
      if (basic === undefined || basic === this.#authorization) throw this.#unauthorized()
      return basic
    }
    const realm = /realm="([^"]*)"/.exec(challenge)?.[1]
    if (!/^bearer\b/i.test(challenge) || realm === undefined || !URL.canParse(realm)) throw this.#unauthorized()
    const url = new URL(realm)
    if (url.protocol !== 'https:' && url.protocol !== new URL(this.#origin).protocol) throw this.#unauthorized()
    const service = /service="([^"]*)"/.exec(challenge)?.[1]
    const wish = {
      ...(service !== undefined && { service }),
      scope: `repository:${this.#reference.repository}:${actions}`,
    }
    const refresh = login !== undefined && 'token' in login ? login.token : undefined
    const reply = await this.#exchange(
      refresh === undefined ? askForToken(url, wish, basic) : exchangeToken(url, wish, refresh),
    )
    // Another login would not help against a token service that is down.
    if (reply.status === 429 || reply.status >= 500) {
      throw new FlotillaError('io/protocol', `${url.origin} answered ${reply.status} to a token for ${this.#where()}`)
    }
    if (reply.status !== 200) throw this.#unauthorized()
    const answer = parseJson(reply.body) as { token?: unknown; access_token?: unknown } | undefined
    const token = answer?.token ?? answer?.access_token
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) throw this.#unauthorized()
    return `Bearer ${token}`
  }

  #where(): string {
    return `${this.#reference.host}/${this.#reference.repository}`
  }

  #mismatch(digest: string): FlotillaError {
    return new FlotillaError('io/protocol', `what ${this.#where()} sends as ${digest} is not that`)
  }

  #unauthorized(): FlotillaError {
    return new FlotillaError('engine/unauthorized', `access to ${this.#where()} is denied`, {
      hint: `docker login ${this.#reference.host}`,
    })
  }

  #expect(reply: ByteReply, wanted: readonly number[], name: string): void {
    if (wanted.includes(reply.status)) return
    if (reply.status === 401 || reply.status === 403) throw this.#unauthorized()
    if (reply.status === 404) {
      throw new FlotillaError('engine/not-found', `${this.#where()} has no ${name}`, { status: 404 })
    }
    const errors = parseJson(reply.body) as { errors?: readonly { message?: unknown }[] } | undefined
    const said = errors?.errors?.[0]?.message
    const why = typeof said === 'string' ? `: ${toLine(said)}` : ''
    throw new FlotillaError('io/protocol', `${this.#where()} answered ${reply.status} to ${name}${why}`)
  }
}

/** Where a registry sends a request. What went by TLS does not go on in the clear. */
function readLocation(location: string, from: URL): URL {
  if (location === '' || !URL.canParse(location, from.href)) {
    throw new FlotillaError('io/protocol', `${from.origin} redirects to no address: ${describeText(location)}`)
  }
  const to = new URL(location, from)
  if (to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:')) return to
  throw new FlotillaError('io/protocol', `${from.origin} redirects to ${to.protocol}//${to.host}, which is refused`)
}

/** OpenSSL's names of what can be wrong with a chain; Node and Bun have them as codes. */
function isUntrusted(error: unknown): boolean {
  return error instanceof Error && /^(?:DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|CERT_UNTRUSTED)/.test(codeOf(error.cause))
}

/** What a registry says, as one line that a terminal only shows. */
function toLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, mostSaid)
}

/** Bytes that move, as far as they are known to be many. */
function sizeOf({ body, maxBytes }: ByteRequest): number {
  return Math.max(body?.length ?? 0, maxBytes - maxManifestBytes)
}
