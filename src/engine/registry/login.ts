import { Buffer } from 'node:buffer'
import type { ByteRequest } from '../../io/http/web.ts'

const maxAnswerBytes = 1024 * 1024

/** What a token is to be good for. */
export type TokenWish = Readonly<Record<string, string>>

/** @param basic absent: for what anybody may do */
export function askForToken(realm: URL, wish: TokenWish, basic: string | undefined): ByteRequest {
  const url = new URL(realm)
  for (const [name, value] of Object.entries(wish)) url.searchParams.set(name, value)
  const headers = basic === undefined ? {} : { Authorization: basic }
  return { method: 'GET', url, headers, maxBytes: maxAnswerBytes }
}

/** What a login left in place of a password buys a token for one purpose (distribution docs/spec/auth/oauth.md). */
export function exchangeToken(url: URL, wish: TokenWish, refresh: string): ByteRequest {
  const fields = { grant_type: 'refresh_token', client_id: 'flotilla', ...wish, refresh_token: refresh }
  return {
    method: 'POST',
    url,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: Buffer.from(new URLSearchParams(fields).toString()),
    maxBytes: maxAnswerBytes,
  }
}

/** What a user is logged in with. */
export type Login = { readonly user: string; readonly password: string } | { readonly token: string }

/** `X-Registry-Auth` → user and password, or the token that an identity service gave in their place. */
export function readLogin(auth: string | undefined): Login | undefined {
  if (auth === undefined) return undefined
  const fields = parseJson(Buffer.from(auth, 'base64url')) as Readonly<Record<string, unknown>> | undefined
  const [user, password, token] = [fields?.['username'], fields?.['password'], fields?.['identitytoken']]
  if (typeof token === 'string' && token !== '') return { token }
  return typeof user === 'string' && typeof password === 'string' ? { user, password } : undefined
}

/** @returns undefined for what is no JSON */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
