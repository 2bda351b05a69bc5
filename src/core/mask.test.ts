import { describe, expect, it } from 'vitest'
import { isLikelySecretName, isSecretName, maskSecrets, maskThoroughly } from './mask.ts'

describe('credentials in texts', () => {
  it.each([
    ['cannot reach https://joe:hunter2@example/x', 'cannot reach https://joe:***@example/x'],
    ['discovery=token://6856663cdefdec325839a4b7e1de38e8', 'discovery=token://***'],
    ['token://http://10.0.0.1:8085/v1/abcd failed', 'token://http://10.0.0.1:8085/v1/*** failed'],
    ['env MYSQL_PASSWORD=hunter2 A=1', 'env MYSQL_PASSWORD=*** A=1'],
    ['env "TOKEN=a b" rest', 'env "TOKEN=*** b" rest'],
    ["--vault-token='a b' x", '--vault-token=*** x'],
    ['AWS_SECRET_KEY=x STRIPE_KEY=y', 'AWS_SECRET_KEY=*** STRIPE_KEY=***'],
    [
      '{"auth": {"identitytoken": "a\\"b", "username": "joe"}}',
      '{"auth": {"identitytoken": "***", "username": "joe"}}',
    ],
    ['X-Registry-Auth: eyJ1c2VyIjoi', 'X-Registry-Auth: ***'],
    ['authorization: Bearer abc.def', 'authorization: ***'],
    ['join with SWMTKN-1-abc-def now', 'join with *** now'],
  ])('%s', (text, masked) => {
    expect(maskSecrets(text)).toBe(masked)
  })

  it.each([
    'key=docker/swarm/nodes',
    'unexpected token: }',
    'kv.keyfile=/etc/key.pem',
    'https://example/a:b@c',
    'a=b',
    'label must be set as KEY=VALUE',
    'name it as token://http://HOST:8085/v1/TOKEN',
  ])('%s holds none', (text) => {
    expect(maskSecrets(text)).toBe(text)
  })

  it('hides values that are known to be secret, and no empty ones', () => {
    expect(maskSecrets('a 12345 b', ['12345', '', 'b'])).toBe('a *** b')
  })

  // Of a million characters and more, for which quadratic time would be hours.
  it.each(['a=', '"a":"', 'password', 'https://a', 'a-b.', '"'])('leaves %j alone, however often it comes', (piece) => {
    const text = piece.repeat(300_000)
    expect(maskSecrets(text) === text).toBe(true)
  })

  it('masks in a text of megabytes', () => {
    expect(maskSecrets('token://a/'.repeat(300_000)).slice(0, 40)).toBe('token://a/token://a/token://a/token://a/')
    expect(maskSecrets('token://a/'.repeat(300_000)).endsWith('token://***/')).toBe(true)
  })

  it.each([
    ['git clone https://ghp_abc@example/x.git', 'git clone https://***@example/x.git'],
    ['https://joe:hunter2@example/x', 'https://***@example/x'],
    ['mysql --password hunter2 -u joe', 'mysql --password *** -u joe'],
    ["run --api-token='a b' --verbose", 'run --api-token=*** --verbose'],
    ['x -----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY----- y', 'x *** private key *** y'],
    ['MYSQL_PASSWORD=hunter2 mysqld', 'MYSQL_PASSWORD=*** mysqld'],
    ['sh -c "id --password-file"', 'sh -c "id --password-file"'],
  ])('%s, for good', (text, masked) => {
    expect(maskThoroughly(text)).toBe(masked)
  })

  it.each(['https://a', '--password ', '-a-secret-', '--a'])(
    'leaves %j alone when it is thorough too, however often it comes',
    (piece) => {
      const text = piece.repeat(300_000)
      expect(maskThoroughly(text) === text).toBe(true)
    },
  )

  it('hides each of many keys that have no end', () => {
    const masked = maskThoroughly('-----BEGIN PRIVATE KEY-----'.repeat(300_000))
    expect(masked === '*** private key ***'.repeat(300_000)).toBe(true)
  })

  it('knows names that may be secret', () => {
    expect(['DB_PASSWORD', 'monkey', 'X_AUTH', 'pwd', 'JoinToken'].every(isLikelySecretName)).toBe(true)
    expect(['PATH', 'user', 'Image'].some(isLikelySecretName)).toBe(false)
  })

  it('knows secret names', () => {
    expect(['DB_PASSWORD', 'apiKey', 'X-Registry-Auth', 'SSH_KEY', 'unlock-key'].every(isSecretName)).toBe(true)
    expect(['key', 'PATH', 'MONKEY_BUSINESS', 'user'].some(isSecretName)).toBe(false)
  })
})
