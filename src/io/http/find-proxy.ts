import { BlockList, isIP } from 'node:net'
import { FlotillaError } from '../../core/errors.ts'

type Env = Readonly<Record<string, string | undefined>>

/** A proxy that the environment names for a URL, and the variable that does. */
export interface WebProxy {
  readonly url: URL
  readonly variable: string
}

const defaultPorts: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

/**
 * Pure: the proxy for a URL by `HTTPS_PROXY` or `HTTP_PROXY` and `NO_PROXY`, in capitals or not, as Go programs such as
 * docker read them (golang.org/x/net/http/httpproxy): `localhost` and loopback addresses never go through one;
 * `NO_PROXY` lists `*`, addresses, networks (`10.0.0.0/8`), hosts with all below them (`example.com`), only what is
 * below (`.example.com`), each with a port or without.
 *
 * @throws {io/connect} for a variable that names no proxy we can speak to
 */
export function findProxy(url: URL, env: Env): WebProxy | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY'
  const variable = [name, name.toLowerCase()].find((each) => (env[each] ?? '') !== '')
  if (variable === undefined || isExempt(url, env['NO_PROXY'] || env['no_proxy'] || '')) return undefined
  return { url: parseProxy(variable, env[variable] ?? ''), variable }
}

/** A proxy may be written without a scheme: `proxy:3128`. */
function parseProxy(variable: string, text: string): URL {
  const whole = /^[a-z][\w+.-]*:\/\//i.test(text) ? text : `http://${text}`
  const url = URL.canParse(whole) ? new URL(whole) : undefined
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.hostname !== '') return url
  // The value is not shown: it may hold a password.
  throw new FlotillaError(
    'io/connect',
    `${variable} names no proxy that can be used: http://HOST:PORT or https://HOST:PORT`,
  )
}

function isExempt(url: URL, list: string): boolean {
  const host = url.hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
  const port = url.port === '' ? defaultPorts[url.protocol] : url.port
  if (host === 'localhost' || isWithin(host, '127.0.0.0/8') || isWithin(host, '::1/128')) return true
  return list
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== '' && covers(entry, host, port))
}

function covers(entry: string, host: string, port: string | undefined): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return isWithin(host, entry)
  const { name, port: wanted } = splitPort(entry)
  if (wanted !== undefined && wanted !== port) return false
  if (isIP(name) > 0 || isIP(host) > 0) return isWithin(host, `${name}/${isIP(name) === 6 ? 128 : 32}`)
  const bare = name.replace(/^\*(?=\.)/, '')
  return bare.startsWith('.') ? host.endsWith(bare) : host === bare || host.endsWith(`.${bare}`)
}

/** `host:80`, `[::1]:80`, and `::1`, which has none. */
function splitPort(entry: string): { readonly name: string; readonly port: string | undefined } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? []
  return { name: bracketed ?? plain ?? entry, port }
}

function isWithin(host: string, network: string): boolean {
  const [base = '', bits = ''] = network.split('/')
  const [kind, hostKind] = [isIP(base), isIP(host)]
  if (kind === 0 || kind !== hostKind || !/^\d{1,3}$/.test(bits) || Number(bits) > (kind === 6 ? 128 : 32)) return false
  const family = kind === 6 ? 'ipv6' : 'ipv4'
  const block = new BlockList()
  block.addSubnet(base, Number(bits), family)
  return block.check(host, family)
}
