import { describe, expect, it } from 'vitest'
import { parseAccess } from './parse-access.ts'

const hash = 'ab'.repeat(32)

function problem(text: string): string {
  try {
    parseAccess(text, '/etc/access.yaml')
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
  return 'accepted'
}

describe('parseAccess', () => {
  it('reads all there is to say', () => {
    const rules = parseAccess(
      `
# Who may use the fleet.
users:
  alice: {certificate: Alice Example, role: admin}
  ci:
    token: sha256:${hash}
    role: deployer
    projects: [shop, blog]
    expires: 2027-01-31T18:00:00+01:00
  bob: {certificate: bob, token: "sha256:${'cd'.repeat(32)}", role: tenant, tenant: blue}
tenants:
  blue:
    quota:
      {containers: 20, cpus: 1.5, memory: 8g, volumes: 1, networks: 2, ports: 3, streams: 4, calls-per-second: 5, pulls-per-minute: 0}
    allows: [host-paths]
  red: {}
anonymous: viewer
socket: operator
allows: {operator: [host-namespaces, devices], deployer: []}
managers: [manager-1]
`,
      'access.yaml',
    )
    expect(rules.users).toEqual([
      { name: 'alice', certificate: 'Alice Example', role: 'admin' },
      {
        name: 'ci',
        tokenHash: hash,
        role: 'deployer',
        projects: ['shop', 'blog'],
        expiresAtMs: Date.parse('2027-01-31T17:00:00Z'),
      },
      { name: 'bob', certificate: 'bob', tokenHash: 'cd'.repeat(32), role: 'tenant', tenant: 'blue' },
    ])
    expect(rules.tenants.get('blue')).toEqual({
      name: 'blue',
      quota: {
        containers: 20,
        cpus: 1.5,
        memoryBytes: 8 * 1024 ** 3,
        volumes: 1,
        networks: 2,
        ports: 3,
        streams: 4,
        callsPerSecond: 5,
        pullsPerMinute: 0,
      },
      allows: new Set(['host-paths']),
    })
    expect(rules.tenants.get('red')).toEqual({ name: 'red', quota: {}, allows: new Set() })
    expect(rules.anonymous).toBe('viewer')
    expect(rules.socket).toBe('operator')
    expect(rules.allows.get('operator')).toEqual(new Set(['host-namespaces', 'devices']))
    expect(rules.managers).toEqual(new Set(['manager-1']))
  })

  it('reads JSON, and by default trusts sockets and nobody unknown', () => {
    const rules = parseAccess('{\n\t"users": {"a": {"certificate": "a", "role": "viewer"}}\n}\n', 'a.json')
    expect(rules).toMatchObject({ socket: 'admin', users: [{ name: 'a', role: 'viewer' }] })
    expect('anonymous' in rules).toBe(false)
    expect('socket' in parseAccess('users: {a: {certificate: a, role: viewer}}\nsocket: none', 'a')).toBe(false)
  })

  it('takes odd names for what they are', () => {
    const rules = parseAccess('users: {__proto__: {certificate: constructor, role: viewer}}', 'a')
    expect(rules.users).toEqual([{ name: '__proto__', certificate: 'constructor', role: 'viewer' }])
  })

  const user = 'users:\n  a: {certificate: a, role: viewer}\n'
  it.each([
    ['', ':1: is no map of keys and values'],
    ['- a', ':1: is no map of keys and values'],
    ['socket: admin', ':1: there are no users'],
    ['users:\n', ':1: users: has no value'],
    ['users: {a: }', ':1: users.a: has no value'],
    ['users: []', ':1: users: is no map of keys and values'],
    ['users: {1: {}}', ':1: users: a key is no text: put it in quotes'],
    [`${user}rolls: {}`, ':3: rolls: unknown key; known are users, tenants, anonymous, socket, allows, managers'],
    [
      'users:\n  a:\n    roll: viewer',
      ':3: users.a.roll: unknown key; known are certificate, token, role, expires, tenant, projects',
    ],
    ['users:\n  a: {certificate: a}', ':2: users.a: has no role'],
    ['users:\n  a: {role: viewer}', ':2: users.a: has neither a certificate nor a token'],
    [
      'users:\n  a: {certificate: a, role: boss}',
      ':2: users.a.role: "boss" is none of viewer, tenant, deployer, operator, admin',
    ],
    ['users:\n  a: {certificate: 5, role: viewer}', ':2: users.a.certificate: is no text: put it in quotes'],
    ['users:\n  a: {certificate: "", role: viewer}', ':2: users.a.certificate: is empty'],
    [
      'users:\n  a: {certificate: "a\\u0000b", role: viewer}',
      ':2: users.a.certificate: is no common name of a certificate',
    ],
    [
      'users:\n  a: {token: hunter2, role: viewer}',
      ':2: users.a.token: is not of the form sha256: and 64 hexadecimal digits; `swarm access token` makes one',
    ],
    [
      `users:\n  a: {token: "sha256:${hash.toUpperCase()}", role: viewer}`,
      ':2: users.a.token: is not of the form sha256: and 64 hexadecimal digits; `swarm access token` makes one',
    ],
    [`${user}  b: {certificate: a, role: admin}`, ':3: users.b: has the same certificate as users.a'],
    [
      `users:\n  a: {token: "sha256:${hash}", role: viewer}\n  b: {token: "sha256:${hash}", role: admin}`,
      ':3: users.b: has the same token as users.a',
    ],
    [`${user}  a: {certificate: b, role: admin}`, ':3: the same key stands twice'],
    [
      'users:\n  a: {certificate: a, role: viewer, expires: soon}',
      ':2: users.a.expires: "soon" is no time like 2027-01-31 or 2027-01-31T18:00:00Z',
    ],
    [
      'users:\n  a: {certificate: a, role: viewer, expires: 2027-02-30}',
      ':2: users.a.expires: "2027-02-30" is no time like 2027-01-31 or 2027-01-31T18:00:00Z',
    ],
    [
      'users:\n  a: {certificate: a, role: viewer, expires: 2027-01-31T10:00}',
      ':2: users.a.expires: "2027-01-31T10:00" is no time like 2027-01-31 or 2027-01-31T18:00:00Z',
    ],
    ['users:\n  a: {certificate: a, role: tenant}', ':2: users.a: has the role tenant and no tenant'],
    [
      'users:\n  a: {certificate: a, role: tenant, tenant: b}\ntenants: {c: {}}',
      ':2: users.a.tenant: there is no "b" among the tenants',
    ],
    ['users:\n  a: {certificate: a, role: viewer, tenant: b}', ':2: users.a.tenant: is only for the role tenant'],
    ['users:\n  a: {certificate: a, role: deployer}', ':2: users.a: has the role deployer and no projects'],
    ['users:\n  a: {certificate: a, role: deployer, projects: []}', ':2: users.a.projects: are none'],
    [
      'users:\n  a: {certificate: a, role: deployer, projects: [Shop]}',
      ':2: users.a.projects: "Shop" is no name of a Compose project',
    ],
    ['users:\n  a: {certificate: a, role: deployer, projects: [b, b]}', ':2: users.a.projects: "b" stands twice'],
    ['users:\n  a: {certificate: a, role: deployer, projects: b}', ':2: users.a.projects: is no list'],
    [
      'users:\n  a: {certificate: a, role: viewer, projects: [b]}',
      ':2: users.a.projects: are only for the role deployer',
    ],
    [
      `${user}tenants: {Blue: {}}`,
      ':3: tenants.Blue: a tenant is called by 1 to 32 small letters, digits and inner hyphens',
    ],
    [`${user}tenants:\n  b:\n    quota: {cpus: many}`, ':5: tenants.b.quota.cpus: is no number'],
    [`${user}tenants:\n  b:\n    quota: {cpus: -1}`, ':5: tenants.b.quota.cpus: is below 0'],
    [`${user}tenants:\n  b:\n    quota: {ports: 1.5}`, ':5: tenants.b.quota.ports: is no whole number from 0'],
    [
      `${user}tenants:\n  b:\n    quota: {memory: lots}`,
      ':5: tenants.b.quota.memory: "lots" is no size like 512m or 8g',
    ],
    [
      `${user}tenants:\n  b:\n    quota: {disk: 1}`,
      ':5: tenants.b.quota.disk: unknown key; known are containers, volumes, networks, ports, streams, calls-per-second, pulls-per-minute, cpus, memory',
    ],
    [
      `${user}tenants: {b: {allows: [root]}}`,
      ':3: tenants.b.allows: "root" is none of privileged, capabilities, devices, sysctls, security-options, host-namespaces, host-paths, cgroup-parent, build-entitlements, remote-sources',
    ],
    [`${user}allows: {admin: []}`, ':3: allows.admin: an admin may do everything'],
    [`${user}allows: {viewer: []}`, ':3: allows.viewer: can be given to operator and deployer only'],
    [`${user}allows: {tenant: []}`, ':3: allows.tenant: each tenant has its own, under tenants.NAME.allows'],
    [`${user}anonymous: deployer`, ':3: anonymous: "deployer" is none of none, viewer, operator, admin'],
    [`${user}managers: [a]`, ':3: managers: "a" is the certificate of users.a too'],
    ['users:\n  a: &x {certificate: a, role: viewer}\n  b: *x', ':3: users.b: references (*name) are not taken here'],
    [`${user}---\nusers: {}`, ':3: there is more than one document'],
  ])('%j is refused with its place', (text, wanted) => {
    expect(problem(text)).toBe(`/etc/access.yaml${wanted}`)
  })

  it('names the line of what is no YAML', () => {
    expect(problem(`${user}anonymous: [viewer\n`)).toMatch(/^\/etc\/access\.yaml:\d: \S/)
  })
})
