import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { endpointFromEnvironment } from './environment.ts'

let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'engine-environment-'))
})
afterEach(async () => {
  await rm(home, { recursive: true })
})

async function write(path: string, text: string): Promise<void> {
  const full = join(home, path)
  await mkdir(join(full, '..'), { recursive: true })
  await writeFile(full, text)
}

async function writeContext(
  name: string,
  docker: object,
  certificates: Readonly<Record<string, string>> = {},
): Promise<void> {
  const id = createHash('sha256').update(name).digest('hex')
  await write(
    `.docker/contexts/meta/${id}/meta.json`,
    JSON.stringify({ Name: name, Metadata: {}, Endpoints: { docker } }),
  )
  for (const [file, text] of Object.entries(certificates)) {
    await write(`.docker/contexts/tls/${id}/docker/${file}`, text)
  }
}

async function writeCertificates(folder: string): Promise<void> {
  for (const file of ['ca', 'cert', 'key']) await write(`${folder}/${file}.pem`, `the ${file}`)
}

const material = { ca: 'the ca', cert: 'the cert', key: 'the key' }

describe('the engine that the surroundings choose', () => {
  it('is the local socket when nothing says otherwise', async () => {
    expect(await endpointFromEnvironment({ HOME: home })).toEqual({
      endpoint: { kind: 'unix', path: '/var/run/docker.sock' },
    })
    expect(await endpointFromEnvironment({ HOME: home, DOCKER_HOST: '', DOCKER_CONTEXT: 'default' })).toEqual({
      endpoint: { kind: 'unix', path: '/var/run/docker.sock' },
    })
  })

  it('is DOCKER_HOST with the certificates of DOCKER_CERT_PATH', async () => {
    await writeCertificates('certs')
    const env = { HOME: home, DOCKER_HOST: 'tcp://10.0.0.2:2376', DOCKER_CERT_PATH: join(home, 'certs') }
    expect(await endpointFromEnvironment({ ...env, DOCKER_TLS_VERIFY: '1', DOCKER_API_VERSION: '1.40' })).toEqual({
      endpoint: { kind: 'tcp', host: '10.0.0.2', port: 2376, tls: { ...material, isVerified: true } },
      apiVersion: '1.40',
    })
    // docker-py and the Go client take a certificate folder alone as TLS without verification.
    expect((await endpointFromEnvironment(env)).endpoint).toMatchObject({ tls: { isVerified: false } })
  })

  it('takes the certificates of the configuration folder when no other is named', async () => {
    await writeCertificates('.docker')
    const env = { HOME: home, DOCKER_HOST: 'tcp://10.0.0.2', DOCKER_TLS_VERIFY: '1' }
    expect((await endpointFromEnvironment(env)).endpoint).toEqual({
      kind: 'tcp',
      host: '10.0.0.2',
      port: 2376,
      tls: { ...material, isVerified: true },
    })
  })

  it('is a context named by DOCKER_CONTEXT or current in config.json', async () => {
    await writeContext('ops', { Host: 'tcp://10.0.0.3:2376', SkipTLSVerify: false }, { 'ca.pem': 'its ca' })
    await writeContext('far', { Host: 'ssh://me@node' })
    await write('.docker/config.json', JSON.stringify({ currentContext: 'far' }))
    expect(await endpointFromEnvironment({ HOME: home })).toEqual({
      endpoint: { kind: 'ssh', host: 'node', user: 'me' },
      context: 'far',
    })
    expect(await endpointFromEnvironment({ HOME: home, DOCKER_CONTEXT: 'ops' })).toEqual({
      endpoint: { kind: 'tcp', host: '10.0.0.3', port: 2376, tls: { ca: 'its ca', isVerified: true } },
      context: 'ops',
    })
    // DOCKER_HOST wins over both.
    const env = { HOME: home, DOCKER_CONTEXT: 'ops', DOCKER_HOST: 'unix:///x' }
    expect(await endpointFromEnvironment(env)).toEqual({ endpoint: { kind: 'unix', path: '/x' } })
  })

  it('is what the command line says before anything else', async () => {
    await write('my-ca.pem', 'my ca')
    const env = { HOME: home, DOCKER_HOST: 'unix:///x' }
    const choice = { host: 'tcp://n:1', isVerified: true, caFile: join(home, 'my-ca.pem') }
    expect((await endpointFromEnvironment(env, choice)).endpoint).toEqual({
      kind: 'tcp',
      host: 'n',
      port: 1,
      tls: { ca: 'my ca', isVerified: true },
    })
  })

  it('is refused by name when it cannot be used', async () => {
    await write('half/cert.pem', 'only a certificate')
    await write('half/ca.pem', 'and an authority')
    const refusals: readonly (readonly [Record<string, string>, string])[] = [
      [{ DOCKER_CONTEXT: 'gone' }, 'docker context "gone" does not exist'],
      [{ DOCKER_HOST: 'nope://x' }, 'invalid engine address "nope://x": unknown scheme "nope"'],
      [{ DOCKER_API_VERSION: 'v1' }, 'DOCKER_API_VERSION is "v1", not of the form 1.41'],
      [
        { DOCKER_HOST: 'tcp://n:1', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: join(home, 'none') },
        `cannot verify engine "tcp://n:1": no ca.pem in "${home}/none"`,
      ],
      [
        { DOCKER_HOST: 'tcp://n:1', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: join(home, 'half') },
        'the client key for engine "tcp://n:1" is missing',
      ],
    ]
    for (const [env, message] of refusals) {
      await expect(endpointFromEnvironment({ HOME: home, ...env })).rejects.toMatchObject({
        code: 'engine/invalid-endpoint',
        message: expect.stringContaining(message),
      })
    }
  })
})

describe('HttpHeaders of the docker command', () => {
  const socket = { kind: 'unix', path: '/var/run/docker.sock' }

  it('are sent with each request, but for those each request has of its own', async () => {
    const headers = { Authorization: 'Bearer x', 'X-Meta': 'a b', 'User-Agent': 'mine', Host: 'there' }
    await write('.docker/config.json', JSON.stringify({ HttpHeaders: headers }))
    const chosen = await endpointFromEnvironment({ HOME: home })
    expect(chosen).toEqual({ endpoint: socket, headers: { Authorization: 'Bearer x', 'X-Meta': 'a b' } })
  })

  it('are refused where they cannot be sent, without their values', async () => {
    for (const headers of [{ 'a b': 'secret' }, { A: 'secret\r\nB: c' }, { A: 5 }]) {
      await write('.docker/config.json', JSON.stringify({ HttpHeaders: headers }))
      const name = JSON.stringify(Object.keys(headers)[0])
      await expect(endpointFromEnvironment({ HOME: home })).rejects.toThrow(
        `HttpHeaders of "${join(home, '.docker/config.json')}": ${name} is no header that can be sent`,
      )
    }
  })

  it('do not matter in a file that says nothing of them, or is none', async () => {
    await write('.docker/config.json', '{"HttpHeaders": {}}')
    expect(await endpointFromEnvironment({ HOME: home })).toEqual({ endpoint: socket })
    await write('.docker/config.json', 'no JSON')
    const env = { HOME: home, DOCKER_HOST: 'unix:///x.sock' }
    const problem = `Error parsing config file (${home}/.docker/config.json): it is not JSON`
    const endpoint = { kind: 'unix', path: '/x.sock' }
    expect(await endpointFromEnvironment(env)).toEqual({ endpoint, configProblem: problem })
  })
})

describe('a config.json of the docker command that cannot be taken', () => {
  const path = (): string => join(home, '.docker/config.json')

  it.each<[string, string]>([
    ['{"currentContext":', 'it is not JSON'],
    ['["secret"]', 'it is not a JSON object'],
    ['5', 'it is not a JSON object'],
  ])('stands for none, with the reason: %s', async (text, why) => {
    await write('.docker/config.json', text)
    expect(await endpointFromEnvironment({ HOME: home })).toEqual({
      endpoint: { kind: 'unix', path: '/var/run/docker.sock' },
      configProblem: `Error parsing config file (${path()}): ${why}`,
    })
  })

  it.each<[string, string]>([
    ['{"auths": {"reg.io:5000": {"auth": 5}}}', 'auths.reg.io:5000.auth is not text'],
    ['{"auths": {"a": {}, "reg.io": {"auth": "YWJj"}}}', 'auths.reg.io.auth is not a name and a password in base64'],
    ['{"auths": []}', 'auths is not an object'],
    ['{"credHelpers": {"reg.io": true}}', 'credHelpers.reg.io is not text'],
    ['{"credsStore": ["secret"]}', 'credsStore is not text'],
    ['{"proxies": {"default": {"httpProxy": {}}}}', 'proxies.default.httpProxy is not text'],
    ['{"psFormat": 7, "detachKeys": null}', 'psFormat is not text'],
  ])('as a whole counts without what is of a wrong type, which is told: %s', async (text, why) => {
    const fields = JSON.parse(text) as object
    await write('.docker/config.json', JSON.stringify({ ...fields, currentContext: 'default' }))
    expect(await endpointFromEnvironment({ HOME: home })).toEqual({
      endpoint: { kind: 'unix', path: '/var/run/docker.sock' },
      configProblem: `Error parsing config file (${path()}): ${why}`,
    })
  })

  it('because it is no file is told as such', async () => {
    await rm(path(), { force: true })
    await mkdir(path(), { recursive: true })
    const { configProblem } = await endpointFromEnvironment({ HOME: home })
    expect(configProblem).toBe(
      `Error loading config file: cannot read ${JSON.stringify(path())}: it is not a regular file`,
    )
    await rm(path(), { recursive: true })
  })

  it.each(['', ' \n', 'null', '{}'])('is not one that says nothing: %j', async (text) => {
    await write('.docker/config.json', text)
    expect(await endpointFromEnvironment({ HOME: home })).not.toHaveProperty('configProblem')
  })
})
