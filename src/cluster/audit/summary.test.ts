import { describe, expect, it } from 'vitest'
import { parseExactJson } from '../../core/exact-json.ts'
import { summarizeBody, summarizeQuery } from './summary.ts'

const body = (value: unknown, path = '/containers/create'): unknown =>
  summarizeBody(parseExactJson(JSON.stringify(value)), path)

/** Every one of these must vanish. */
let planted = 0
function canary(): string {
  planted += 1
  return `canary${planted}x`
}

describe('a body in the audit log', () => {
  it('shows what a container is made of, without its secrets', () => {
    expect(
      body({
        Image: 'redis',
        Cmd: ['redis-server', '--requirepass', 'hunter2', '--port', '1'],
        Env: ['A=b', 'REDIS_PASSWORD=hunter2 and more', 'URL=redis://joe:hunter2@db/0', 'EMPTY_TOKEN='],
        Labels: { tier: 'db', 'app.auth.users': 'joe:hunter2' },
        HostConfig: { Memory: 5, Privileged: true, LogConfig: { Config: { 'splunk-token': 'hunter2' } } },
        Tty: false,
      }),
    ).toEqual({
      Image: 'redis',
      Cmd: ['redis-server', '--requirepass', '***', '--port', '1'],
      HostConfig: { Privileged: true, Memory: 5, LogConfig: { Config: { 'splunk-token': '***' } } },
      Env: ['A=b', 'REDIS_PASSWORD=***', 'URL=redis://***@db/0', 'EMPTY_TOKEN=***'],
      Labels: { tier: 'db', 'app.auth.users': '***' },
      Tty: false,
    })
  })

  it('holds none of the secrets that are planted all over the API', () => {
    const summaries = [
      body({
        Env: ['password', 'Secret', 'TOKEN', 'apikey', 'x_KEY_y', 'PASSPHRASE'].map((key) => `${key}=${canary()}`),
      }),
      body({ Env: [`GIT=https://${canary()}@example/x`, `DB=postgres://u:${canary()}@h/d`] }),
      body({ Env: [`CERT=-----BEGIN PRIVATE KEY-----\n${canary()}\n-----END PRIVATE KEY-----`] }),
      body({ Cmd: ['sh', '-c', `MYSQL_PASSWORD=${canary()} mysql --password=${canary()} --api-token ${canary()}`] }),
      body({ Cmd: ['x', '--secret-key', canary(), '--token', canary()] }),
      body({ AuthConfig: { username: canary(), password: canary() }, RemoteAddrs: ['a'] }),
      body({ authconfig: canary(), RegistryAuth: canary(), 'X-Registry-Auth': canary(), identitytoken: canary() }),
      body({ JoinToken: canary(), ListenAddr: 'a' }, '/swarm/join'),
      body({ UnlockKey: canary() }, '/swarm/unlock'),
      body({ text: `join with SWMTKN-1-${canary()}-${canary()}` }),
      body({ CAConfig: { SigningCAKey: canary() } }, '/swarm/update'),
      body({ Name: 'a', Data: canary() }, '/secrets/create'),
      body({ Name: 'a', Data: canary() }, '/configs/create'),
      body({ TaskTemplate: { ContainerSpec: { Env: [`PWD_FILE=${canary()}`], Secrets: [{ SecretName: 'shown' }] } } }),
      body({ DriverOpts: { o: `username=joe,password=${canary()}`, device: '//nas/x' } }, '/volumes/create'),
      body({ Env: [`JSON={"password":"${canary()}"}`], Entrypoint: [`{"token": "${canary()}"}`] }),
      body({ Healthcheck: { Test: ['CMD-SHELL', `curl -H 'Authorization: Bearer ${canary()}' http://a`] } }),
      body({ Labels: { [`https://u:${canary()}@h/`]: 'a' } }),
      summarizeQuery(`remote=${encodeURIComponent(`https://joe:${canary()}@example/x.git`)}`),
      summarizeQuery(`buildargs=${encodeURIComponent(JSON.stringify({ VERSION: canary(), NPM_TOKEN: canary() }))}`),
      summarizeQuery(`buildargs=${canary()}`),
      summarizeQuery(`labels=${encodeURIComponent(JSON.stringify({ 'a.password': canary() }))}`),
      summarizeQuery(
        `changes=${encodeURIComponent(`ENV DB_PASSWORD ${canary()}`)}&changes=${encodeURIComponent(`ENV API_TOKEN=${canary()}`)}`,
      ),
      summarizeQuery(`changes=${encodeURIComponent(`CMD ["a"]\nENV X_SECRET ${canary()}`)}`),
      summarizeQuery(`token=${canary()}&password=${canary()}`),
    ]
    const text = JSON.stringify(summaries)
    expect(planted).toBeGreaterThan(35)
    expect(text.match(/canary\d+x/g) ?? []).toEqual([])
    expect(text).toContain('"SecretName":"shown"')
    expect(text).toContain('"VERSION":"***"')
  })

  it('is bounded, and shows first what matters: nothing hides it behind a heap', () => {
    const labels = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`label${n}`, 'x'.repeat(50)]))
    const shown = body({ Labels: labels, Image: 'a', HostConfig: { ExtraHosts: ['y'.repeat(4000)], Privileged: true } })
    expect(shown).toMatchObject({ Image: 'a', HostConfig: { Privileged: true } })
    expect(JSON.stringify(shown).length).toBeLessThan(20_000)
    expect(JSON.stringify(shown)).toContain('more')
    const deep = JSON.parse(`${'{"a":'.repeat(120)}1${'}'.repeat(120)}`) as unknown
    expect(JSON.stringify(body(deep)).length).toBeLessThan(1000)
  })

  it('has long numbers as JSON.parse reads them', () => {
    const shown = summarizeBody(parseExactJson('{"Memory":12345678901234567890}'), '/x')
    expect(JSON.stringify(shown)).toBe('{"Memory":12345678901234567000}')
  })

  it('keeps a field called __proto__ a field', () => {
    const shown = summarizeBody(parseExactJson('{"__proto__":{"Privileged":true}}'), '/x')
    expect(JSON.stringify(shown)).toBe('{"__proto__":{"Privileged":true}}')
  })
})

describe('a query in the audit log', () => {
  it('is its parameters, JSON as JSON', () => {
    const filters = encodeURIComponent('{"label":["a=b"]}')
    expect(summarizeQuery(`force=1&v=&t=a&t=b&filters=${filters}`)).toEqual({
      force: '1',
      v: '',
      t: ['a', 'b'],
      filters: { label: ['a=b'] },
    })
    expect(summarizeQuery('')).toBeUndefined()
  })

  it('is bounded', () => {
    const many = Array.from({ length: 3000 }, (_, n) => `p${n}=${'x'.repeat(20)}`).join('&')
    expect(JSON.stringify(summarizeQuery(many)).length).toBeLessThan(8000)
  })
})
