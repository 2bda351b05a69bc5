import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../io/clock.ts'
import {
  readHostCredentials,
  readProxyVariables,
  readRegistryAuth,
  readRegistryConfig,
  toRegistry,
} from './registry-credentials.ts'

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credentials-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

async function read(reference: string, config: unknown): Promise<unknown> {
  await writeFile(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config))
  const env = { DOCKER_CONFIG: folder, PATH: [folder, process.env['PATH']].join(delimiter) }
  const value = await readRegistryAuth(reference, { env, clock: systemClock })
  return value === undefined ? undefined : JSON.parse(Buffer.from(value, 'base64url').toString())
}

async function helper(name: string, script: string): Promise<void> {
  await writeFile(join(folder, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}

const auth = (text: string): { auth: string } => ({ auth: Buffer.from(text).toString('base64') })

describe('registry credentials', () => {
  it('come from auths by the host of the image, Docker Hub under its old address', async () => {
    const auths = {
      'reg.example:5000': auth('ann:se:cret'),
      'https://index.docker.io/v1/': auth('hub:pass'),
      'https://old.example/v2/': auth('old:one'),
      'token.example': { ...auth('x:y'), identitytoken: 'tok' },
    }
    expect(await read('reg.example:5000/a/b:1', { auths })).toEqual({
      username: 'ann',
      password: 'se:cret',
      serveraddress: 'reg.example:5000',
    })
    expect(await read('library/busybox', { auths })).toMatchObject({ username: 'hub', password: 'pass' })
    expect(await read('old.example/x', { auths })).toMatchObject({ username: 'old' })
    expect(await read('token.example/x', { auths })).toEqual({ identitytoken: 'tok', serveraddress: 'token.example' })
    expect(await read('none.example/x', { auths })).toBeUndefined()
  })

  it('come from the helper of the registry before the store of all', async () => {
    await helper('one', 'read -r key; echo "{\\"Username\\":\\"one\\",\\"Secret\\":\\"for $key\\"}"')
    await helper('all', 'echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"tok\\"}"')
    const config = { credHelpers: { 'reg.example': 'one' }, credsStore: 'all', auths: { 'reg.example': {} } }
    expect(await read('reg.example/x', config)).toMatchObject({ username: 'one', password: 'for reg.example' })
    expect(await read('busybox', config)).toEqual({
      identitytoken: 'tok',
      serveraddress: 'https://index.docker.io/v1/',
    })
  })

  it('of Docker Hub come from the helper under its whole address, as the docker CLI takes it, or its name', async () => {
    await helper('hub', 'read -r key; echo "{\\"Username\\":\\"hub\\",\\"Secret\\":\\"for $key\\"}"')
    const key = 'https://index.docker.io/v1/'
    const found = { username: 'hub', password: `for ${key}`, serveraddress: key }
    expect(await read('busybox', { credHelpers: { [key]: 'hub' } })).toEqual(found)
    expect(await read('docker.io/a/b', { credHelpers: { 'docker.io': 'hub' } })).toEqual(found)
    const env = { DOCKER_CONFIG: folder, PATH: [folder, process.env['PATH']].join(delimiter) }
    await writeFile(join(folder, 'config.json'), JSON.stringify({ credHelpers: { [key]: 'hub' } }))
    const all = await readRegistryConfig({ env, clock: systemClock })
    expect(JSON.parse(Buffer.from(all ?? '', 'base64url').toString())).toEqual({ [key]: found })
  })

  it('of a helper that knows none are none, and a helper that fails is named with what it said', async () => {
    await helper('empty', 'echo "credentials not found in native keychain"; exit 1')
    await helper('broken', 'echo "the key ring\nis locked"; exit 3')
    await helper('noisy', 'echo "no bus" >&2; exit 4')
    await helper('garbled', 'echo my-password')
    expect(await read('busybox', { credsStore: 'empty' })).toBeUndefined()
    const at = 'cannot get credentials for "https://index.docker.io/v1/" from'
    await expect(read('busybox', { credsStore: 'broken' })).rejects.toThrow(
      `${at} "docker-credential-broken": it ended with exit code 3: the key ring is locked`,
    )
    await expect(read('busybox', { credsStore: 'noisy' })).rejects.toThrow('it ended with exit code 4: no bus')
    await expect(read('busybox', { credsStore: 'garbled' })).rejects.toThrow(
      `${at} "docker-credential-garbled": its answer is not JSON`,
    )
    await expect(read('busybox', { credsStore: '../../x' })).rejects.toThrow('no such program on the PATH')
  })

  it('are none without a file, and with a broken one', async () => {
    await expect(
      readRegistryAuth('busybox', { env: { DOCKER_CONFIG: join(folder, 'no') }, clock: systemClock }),
    ).resolves.toBeUndefined()
    expect(await read('busybox', '{"auths": my-password')).toBeUndefined()
    expect(await read('busybox', '')).toBeUndefined()
    expect(await read('busybox', '{"auths": [], "__proto__": {"credsStore": "x"}}')).toBeUndefined()
  })

  it.each([
    ['busybox', 'docker.io'],
    ['ann/app:1', 'docker.io'],
    ['docker.io/ann/app', 'docker.io'],
    ['index.docker.io/ann/app', 'docker.io'],
    ['localhost/app', 'localhost'],
    ['localhost:5000/app@sha256:ab', 'localhost:5000'],
    ['ghcr.io/a/b', 'ghcr.io'],
  ])('the registry of %s is %s', (reference, registry) => {
    expect(toRegistry(reference)).toBe(registry)
  })
})

describe('what builders are given', () => {
  const auths = {
    'https://index.docker.io/v1/': auth('hub:pass'),
    'reg.example:5000': auth('ann:secret'),
    'token.example': { identitytoken: 'tok' },
  }

  it('is the login at the host they ask for', async () => {
    await writeFile(join(folder, 'config.json'), JSON.stringify({ auths }))
    const o = { env: { DOCKER_CONFIG: folder }, clock: systemClock }
    expect(await readHostCredentials('registry-1.docker.io', o)).toEqual({ username: 'hub', secret: 'pass' })
    expect(await readHostCredentials('reg.example:5000', o)).toEqual({ username: 'ann', secret: 'secret' })
    expect(await readHostCredentials('token.example', o)).toEqual({ username: '', secret: 'tok' })
    expect(await readHostCredentials('other.example', o)).toBeUndefined()
  })

  it('is every login where they cannot ask', async () => {
    await helper('here', 'read host; echo "{\\"Username\\":\\"u-$host\\",\\"Secret\\":\\"s\\"}"')
    const config = { auths, credHelpers: { 'help.example': 'here' } }
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    const env = { DOCKER_CONFIG: folder, PATH: [folder, process.env['PATH']].join(delimiter) }
    const value = await readRegistryConfig({ env, clock: systemClock })
    expect(JSON.parse(Buffer.from(value ?? '', 'base64url').toString())).toEqual({
      'https://index.docker.io/v1/': {
        username: 'hub',
        password: 'pass',
        serveraddress: 'https://index.docker.io/v1/',
      },
      'reg.example:5000': { username: 'ann', password: 'secret', serveraddress: 'reg.example:5000' },
      'token.example': { identitytoken: 'tok', serveraddress: 'token.example' },
      'help.example': { username: 'u-help.example', password: 's', serveraddress: 'help.example' },
    })
  })

  it('are the proxies of their engine, else those of all', async () => {
    const proxies = { default: { httpProxy: 'http://p:1', noProxy: 'x' }, 'tcp://e:2': { httpsProxy: 'http://q:2' } }
    await writeFile(join(folder, 'config.json'), JSON.stringify({ proxies }))
    const env = { DOCKER_CONFIG: folder }
    expect(await readProxyVariables('unix:///x', env)).toEqual({
      HTTP_PROXY: 'http://p:1',
      http_proxy: 'http://p:1',
      NO_PROXY: 'x',
      no_proxy: 'x',
    })
    expect(Object.keys(await readProxyVariables('tcp://e:2', env))).toEqual(['HTTPS_PROXY', 'https_proxy'])
    expect(await readProxyVariables('x', { DOCKER_CONFIG: join(folder, 'none') })).toEqual({})
  })
})
