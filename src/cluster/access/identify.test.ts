import { describe, expect, it } from 'vitest'
import { hashToken, identify, indexAccess, renderVouched } from './identify.ts'
import type { Shown } from './identify.ts'
import { parseAccess } from './parse-access.ts'

const nowMs = Date.parse('2027-01-01T00:00:00Z')
const text = `
users:
  alice: {certificate: alice.example, role: admin}
  ci: {token: "sha256:${hashToken('secret')}", role: deployer, projects: [shop], expires: 2027-02-01}
  old: {token: "sha256:${hashToken('late')}", certificate: old, role: operator, expires: 2026-12-31T23:59:59Z}
managers: [m2]
`
const closed = indexAccess(parseAccess(`${text}socket: none\n`, 'a'))
const open = indexAccess(parseAccess(`${text}anonymous: viewer\nsocket: operator\n`, 'a'))

function see(shown: Partial<Shown>, index = closed): unknown {
  const identity = identify(index, { isSocket: false, ...shown }, nowMs)
  return identity.kind === 'known' ? identity.caller : `${identity.status} ${identity.why}`
}

function cert(...names: readonly string[]): Pick<Shown, 'certificate'> {
  return { certificate: { names, isOwnKey: false } }
}

describe('identify', () => {
  it('knows users by certificate and by token', () => {
    expect(see(cert('alice.example'))).toEqual({ name: 'alice', how: 'certificate', role: 'admin' })
    const ci = { name: 'ci', how: 'token', role: 'deployer', projects: ['shop'] }
    expect(see({ authorization: 'Bearer secret' })).toEqual(ci)
    expect(see({ authorization: 'bearer  secret' })).toEqual(ci)
    // What comes with the request counts more than what comes with the connection.
    expect(see({ ...cert('alice.example'), authorization: 'Bearer secret', isSocket: true })).toEqual(ci)
  })

  it('does not take what is wrong for nothing, not even where nothing would do', () => {
    for (const index of [closed, open]) {
      expect(see({ authorization: 'Bearer Secret', isSocket: true }, index)).toBe('401 nobody has this bearer token')
      expect(see({ authorization: 'Bearer ' }, index)).toMatch(/^401 the Authorization header is not of the form/)
      expect(see({ authorization: 'Basic c2VjcmV0' }, index)).toMatch(/^401 the Authorization header/)
      expect(see(cert('alice'), index)).toBe('401 nobody has a certificate with the common name "alice"')
      expect(see(cert('alice.example', 'x'), index)).toBe('401 your certificate has more than one common name')
      expect(see(cert(), index)).toBe('401 your certificate has no common name')
    }
    const expired = { names: ['alice.example'], isOwnKey: false, problem: 'CERT_HAS_EXPIRED' }
    const shown = { certificate: expired, authorization: 'Bearer secret' }
    expect(see(shown)).toBe('401 your certificate does not count: CERT_HAS_EXPIRED')
  })

  it('lets nobody in after their time', () => {
    const over = '401 the access of old is over since 2026-12-31T23:59:59.000Z'
    expect(see({ authorization: 'Bearer late' })).toBe(over)
    expect(see(cert('old'))).toBe(over)
    const ci = identify(closed, { isSocket: false, authorization: 'Bearer secret' }, nowMs)
    expect(ci).toMatchObject({ expiresAtMs: Date.parse('2027-02-01T00:00:00Z') })
  })

  it('goes by the rules for sockets and for those who show nothing', () => {
    expect(see({})).toMatch(/^401 this endpoint has to know who you are/)
    expect(see({ isSocket: true })).toMatch(/^401 this endpoint has to know who you are/)
    expect(see({}, open)).toEqual({ name: '', how: 'unknown', role: 'viewer' })
    expect(see({ isSocket: true }, open)).toEqual({ name: '', how: 'socket', role: 'operator' })
  })

  it('believes only managers for whom they ask, and looks up itself what those may do', () => {
    const manager = { certificate: { names: ['m1'], isOwnKey: true } }
    const alice = renderVouched({ name: 'alice', how: 'certificate', role: 'viewer' })
    const admin = { name: 'alice', how: 'certificate', role: 'admin' }
    expect(see({ ...manager, vouched: alice })).toEqual(admin)
    expect(see({ ...cert('m2'), vouched: alice })).toEqual(admin)
    for (const forged of [cert('alice.example'), {}, { isSocket: true }, { authorization: 'Bearer secret' }]) {
      expect(see({ ...forged, vouched: alice }, open)).toMatch(/^403 only a manager may say for whom it asks/)
    }
    expect(see({ ...manager, vouched: 'certificate old' })).toMatch(/^401 the access of old is over/)
    expect(see({ ...manager, vouched: 'certificate eve' })).toBe('401 the primary knows no user "eve"')
    expect(see({ ...manager, vouched: 'socket ' })).toMatch(/^401 unix sockets give no access/)
    expect(see({ ...manager, vouched: 'socket ' }, open)).toEqual({ name: '', how: 'socket', role: 'operator' })
    expect(see({ ...manager, vouched: 'unknown ' })).toMatch(/^401 the primary has to know/)
    expect(see({ ...manager, vouched: 'king alice' })).toBe('401 manager m1 does not say who asks')
    expect(see({ ...manager, vouched: 'token %zz' })).toBe('401 manager m1 does not say who asks')
    const odd = { name: 'jörg, "the\u{1F600}"', how: 'token', role: 'admin' } as const
    expect(renderVouched(odd)).toMatch(/^[\x21-\x7e]+ [\x21-\x7e]+$/)
  })

  it('lets a manager make the calls of managers, and no more unless it is a user too', () => {
    expect(see(cert('m2'))).toEqual({ name: 'm2', how: 'certificate', role: 'viewer', isManager: true })
    expect(see({ certificate: { names: ['alice.example'], isOwnKey: true } })).toMatchObject({
      role: 'admin',
      isManager: true,
    })
    expect(see({ certificate: { names: [], isOwnKey: true } })).toMatchObject({ name: 'manager', role: 'viewer' })
  })
})
