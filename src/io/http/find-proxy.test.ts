import { describe, expect, it } from 'vitest'
import { findProxy } from './find-proxy.ts'

const proxy = 'http://proxy.test:3128'

function isProxied(url: string, exempt: string): boolean {
  return findProxy(new URL(url), { HTTPS_PROXY: proxy, HTTP_PROXY: proxy, NO_PROXY: exempt }) !== undefined
}

describe('findProxy', () => {
  it('goes by the scheme of the URL, in capitals first', () => {
    const env = { HTTPS_PROXY: 'http://a:1', https_proxy: 'http://b:1', http_proxy: 'http://c:1' }
    expect(findProxy(new URL('https://registry.test/'), env)).toMatchObject({
      variable: 'HTTPS_PROXY',
      url: { host: 'a:1' },
    })
    expect(findProxy(new URL('http://registry.test/'), env)).toMatchObject({
      variable: 'http_proxy',
      url: { host: 'c:1' },
    })
    expect(findProxy(new URL('http://registry.test/'), { HTTPS_PROXY: proxy, HTTP_PROXY: '' })).toBeUndefined()
  })

  it('takes a proxy without a scheme for one that speaks HTTP', () => {
    expect(findProxy(new URL('https://r.test/'), { HTTPS_PROXY: 'proxy.test:3128' })?.url.href).toBe(`${proxy}/`)
    expect(findProxy(new URL('https://r.test/'), { HTTPS_PROXY: 'u:p@proxy.test' })?.url).toMatchObject({
      username: 'u',
      password: 'p',
    })
  })

  it.each(['socks5://proxy:1080', 'ftp://proxy', 'http://', 'http://a b'])('refuses %s without showing it', (text) => {
    expect(() => findProxy(new URL('https://r.test/'), { https_proxy: text })).toThrow(
      'https_proxy names no proxy that can be used: http://HOST:PORT or https://HOST:PORT',
    )
  })

  it.each(['https://localhost:5000/', 'http://127.0.0.1/', 'http://127.8.9.1:5000/', 'https://[::1]/'])(
    'never for this computer: %s',
    (url) => {
      expect(isProxied(url, '')).toBe(false)
    },
  )

  it.each([
    ['*', 'https://anything.test/', false],
    ['registry.test', 'https://registry.test/', false],
    ['registry.test', 'https://eu.registry.test/', false],
    ['registry.test', 'https://my-registry.test/', true],
    ['Registry.Test', 'https://registry.test./', false],
    ['.registry.test', 'https://registry.test/', true],
    ['.registry.test', 'https://eu.registry.test/', false],
    ['*.registry.test', 'https://eu.registry.test/', false],
    ['*.registry.test', 'https://registry.test/', true],
    ['registry.test:5000', 'https://registry.test:5000/', false],
    ['registry.test:5000', 'https://registry.test/', true],
    ['registry.test:443', 'https://registry.test/', false],
    [' other.test , registry.test ', 'https://registry.test/', false],
    ['10.1.2.3', 'https://10.1.2.3:5000/', false],
    ['10.1.2.3', 'https://10.1.2.30/', true],
    ['10.1.2.3:80', 'http://10.1.2.3/', false],
    ['10.1.2.3:80', 'https://10.1.2.3/', true],
    ['10.0.0.0/8', 'https://10.1.2.3/', false],
    ['10.0.0.0/8', 'https://11.1.2.3/', true],
    ['10.0.0.0/99', 'https://10.1.2.3/', true],
    ['fd00::/8', 'https://[fd00::7]/', false],
    ['fd00::7', 'https://[fd00::7]/', false],
    ['[fd00::7]:443', 'https://[fd00::7]/', false],
    ['2.3', 'https://10.1.2.3/', true],
    [',,', 'https://registry.test/', true],
  ])('NO_PROXY=%s, %s: through the proxy is %s', (exempt, url, isThrough) => {
    expect(isProxied(url, exempt)).toBe(isThrough)
  })
})
