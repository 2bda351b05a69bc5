import { expect, it } from 'vitest'
import { assignedNames, findSensitive, secretName } from './sensitive.ts'

// Each is found by docker-compose 2.40.3 in a file to be published, but for those of GitLab.
it.each([
  ['AWS access key', 'command: ["AKIAIOSFODNN7EXAMPLE"]'],
  ['GitHub token', 'command: [ghp_012345678901234567890123456789012345]'],
  ['GitLab token', 'x: glpat-abcdefghij0123456789'],
  ['Google API key', 'x: AIzaSyA1234567890abcdefghijklmnopqrstuvw'],
  ['HTTP basic authentication', 'x: "Authorization: Basic dXNlcjpwYXNzd29yZA=="'],
  ['JSON web token', 'x: eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N'],
  ['private key', 'x: "-----BEGIN OPENSSH PRIVATE KEY-----\\nabc"'],
  ['Slack token', '- xoxb-123456789012-abcdefghijkl'],
  ['Stripe key', '- sk_live_abcdefghijklmnopqrstuvwx'],
  ['URL with a password', '- postgres://bob:hunter22@db/x'],
])('finds a %s and says where', (kind, text) => {
  expect(findSensitive(`services:\n  ${text}\n`)).toEqual([{ line: 2, kind }])
})

it.each([
  ['URL with a password', '- postgres://bob:${PW:-hunter22}@db/x'],
  ['URL with a password', '- postgres://bob:$hunter22!@db/x'],
  ['HTTP basic authentication', 'Authorization: "Basic dXNlcjpwYXNzd29yZA=="'],
  ['private key', '-----BEGIN PGP PRIVATE KEY BLOCK-----'],
  ['option with a secret', 'command: ["--db-password=hunter22"]'],
  ['option with a secret', 'command: serve --token=${TOKEN:-hunter22}'],
])('finds a %s in %s', (kind, text) => {
  expect(findSensitive(text)).toEqual([{ line: 1, kind }])
})

it.each([
  'image: flotilla/sample@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  'command: serve --password-file=/run/secrets/pw --token=${TOKEN} --secret=$S --api-key=/run/secrets/k --token=',
  'a: postgres://bob:${PW:?give one}@db/x postgres://bob:${PW:-}@db/x postgres://bob:$PW@db/x',
  'command: ["--url", "postgres://bob:${PW}@db/x", "http://web:80/a@b", "Basic training"]',
  'hash: 0123456789abcdef0123456789abcdef01234567',
])('takes %s for nothing secret', (text) => {
  expect(findSensitive(text)).toEqual([])
})

it('reads the names of an env file that have a value', () => {
  expect(assignedNames('# a=1\nA=1\n export B_TOKEN: x\nC=\nD\n')).toEqual(['A', 'B_TOKEN'])
})

it('takes no line of a value for a name', () => {
  const key = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0=x\nbW9yZQ==\n-----END PRIVATE KEY-----'
  expect(assignedNames(`A_KEY="${key}"\nB=1\n`)).toEqual(['A_KEY', 'B'])
  // Without its end it is no env file.
  expect(assignedNames(`A_KEY="${key}\nB=1\n`)).toEqual(['A_KEY', 'B'])
})

it.each(['DB_PASSWORD', 'MYSQL_PWD', 'DB_PASS', 'PGPASSPHRASE', 'NPM_TOKEN', 'AWS_ACCESS_KEY', 'apiKey'])(
  'takes the value of %s for nobody',
  (name) => {
    expect(secretName.test(name)).toBe(true)
  },
)

it.each(['BYPASS', 'PASSIVE', 'PWD', 'PASSENGERS', 'KEYS'])('takes the value of %s for anybody', (name) => {
  expect(secretName.test(name)).toBe(false)
})
