import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashToken } from '../../src/cluster/access/identify.ts'
import { issueCertificate, makeCa } from '../../src/io/certificates.ts'
import type { CertificatePair } from '../../src/io/certificates.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot } from './compose-host.ts'
import { collect, ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'
import { dockerClis, eventually } from './swarm-cluster.ts'
import { startManagers } from './swarm-managers.ts'
import type { TestManager, TestManagers } from './swarm-managers.ts'

/** Users of the docker command and of Compose with certificates and tokens, at two managers over a real engine. */

const image = 'flotilla/sample:latest'

interface Person {
  /** `DOCKER_CONFIG`. */
  readonly config: string
  /** `DOCKER_CERT_PATH`. */
  readonly certs: string
}

let place: Lab
let managers: TestManagers
let primary: TestManager
let replica: TestManager
let folder: string
let authority: CertificatePair

function user(name: string, more: string): string {
  return `  ${name}: {token: "sha256:${hashToken(`token-of-${name}`)}", ${more}}`
}

function rules(more = ''): string {
  return [
    'users:',
    '  alice: {certificate: alice, role: operator}',
    '  anna: {certificate: anna, role: admin}',
    user('vera', 'role: viewer'),
    user('dora', 'role: deployer, projects: [shop]'),
    more,
    '',
  ].join('\n')
}

/** What somebody has at home: a token in the docker command's configuration, or a pair of the authority. */
async function equip(name: string, how: 'token' | 'certificate' | 'nothing'): Promise<Person> {
  const person = { config: join(folder, name, 'config'), certs: join(folder, name, 'certs') }
  await mkdir(person.config, { recursive: true })
  await mkdir(person.certs, { recursive: true })
  await writeFile(join(person.certs, 'ca.pem'), place.certificates.ca)
  if (how === 'token') {
    const headers = { HttpHeaders: { Authorization: `Bearer token-of-${name}` } }
    await writeFile(join(person.config, 'config.json'), JSON.stringify(headers))
  } else if (how === 'certificate') {
    const wanted = { organization: 'test', keyKind: 'ecdsa', nowMs: Date.now(), days: 2, usages: ['client'] } as const
    const pair = await issueCertificate(authority, { ...wanted, commonName: name, names: [] })
    await writeFile(join(person.certs, 'cert.pem'), pair.cert)
    await writeFile(join(person.certs, 'key.pem'), pair.key)
  }
  return person
}

/** Runs a shell line as somebody, with `$D` for a docker command. */
function as(person: Person, manager: TestManager, line: string, cli = '/usr/local/bin/docker'): Promise<RunResult> {
  const env = {
    ...process.env,
    D: cli,
    I: image,
    DOCKER_HOST: `tcp://${manager.address}`,
    DOCKER_TLS_VERIFY: '1',
    DOCKER_CERT_PATH: person.certs,
    DOCKER_CONFIG: person.config,
  }
  const child = spawn('/bin/bash', ['-c', line], { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  return collect(child, 90_000)
}

async function ok(...args: Parameters<typeof as>): Promise<string> {
  const result = await as(...args)
  expect(result.code, `${args[2]}\n${result.stdout}${result.stderr}`).toBe(0)
  return result.stdout
}

async function refused(...args: Parameters<typeof as>): Promise<string> {
  const result = await as(...args)
  expect(result.code, `${args[2]}\n${result.stdout}${result.stderr}`).not.toBe(0)
  return result.stderr
}

describe.runIf(isRoot)('two managers with rules of access (needs root on Linux)', () => {
  let alice: Person
  let anna: Person
  let vera: Person
  let dora: Person
  let nobody: Person

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flotilla-access-e2e-'))
    place = await lab({ engines: ['28.5'], image: true })
    const [host] = place.hosts
    if (host === undefined) throw new Error('no host')
    await host.docker(['swarm', 'init', '--advertise-addr', host.ip])
    const wanted = { commonName: 'people', organization: 'test', keyKind: 'ecdsa', nowMs: Date.now(), days: 2 } as const
    authority = await makeCa(wanted)
    // Engines and managers have certificates of one authority, people of another.
    await writeFile(join(folder, 'ca.pem'), `${place.certificates.ca}\n${authority.cert}`)
    await writeFile(join(folder, 'access.yaml'), rules())
    managers = await startManagers(place, {
      discovery: `nodes://${host.address}`,
      count: 2,
      flags: ['--tlscacert', join(folder, 'ca.pem'), '--cluster-opt', `swarm.access=${join(folder, 'access.yaml')}`],
    })
    const roles = await managers.roles()
    primary = roles.primary
    replica = roles.replicas[0] ?? primary
    alice = await equip('alice', 'certificate')
    anna = await equip('anna', 'certificate')
    vera = await equip('vera', 'token')
    dora = await equip('dora', 'token')
    nobody = await equip('nobody', 'nothing')
  }, 240_000)
  afterAll(async () => {
    await managers?.down()
    await place?.down()
    await rm(folder, { recursive: true, force: true })
  })

  describe.each(dockerClis)('$name', ({ path: cli }) => {
    beforeAll(async () => {
      await ok(anna, primary, '$D ps -aq | xargs -r $D rm -f')
    })

    it('works for an operator with a certificate, short of what reaches the host', async () => {
      expect(await ok(alice, primary, `$D run --rm $I /bin/sh -c 'echo hello'`, cli)).toBe('hello\n')
      await ok(alice, primary, `$D run -d --name web -v data:/data $I sleep 600`, cli)
      expect(await ok(alice, primary, `$D exec web echo in`, cli)).toBe('in\n')
      await ok(alice, primary, `$D update --memory 64m --memory-swap 64m web`, cli)
      const why: string[] = []
      for (const line of [
        '$D run --rm --privileged $I true',
        '$D run --rm -v /:/host $I true',
        '$D run --rm --net host $I true',
        '$D run --rm --cap-add SYS_ADMIN $I true',
        '$D run --rm --security-opt systempaths=unconfined $I true',
        '$D exec --privileged web id',
        '$D volume create -o type=none -o o=bind -o device=/ root',
        '$D service create --mount type=bind,src=/,dst=/host $I true',
        // The docker command itself does not find this network here.
        `curl -s --fail-with-body --cacert $DOCKER_CERT_PATH/ca.pem --cert $DOCKER_CERT_PATH/cert.pem --key $DOCKER_CERT_PATH/key.pem -d '{"TaskTemplate":{"networks":[{"target":"host"}]}}' -H 'Content-Type: application/json' https://\${DOCKER_HOST#tcp://}/services/create >&2`,
        '$D import http://169.254.169.254/x',
      ]) {
        const said = await refused(alice, primary, line, cli)
        why.push(/needs the freedom ([a-z-]+)/.exec(said)?.[1] ?? said)
      }
      expect(why).toEqual([
        'privileged',
        'host-paths',
        'host-namespaces',
        'capabilities',
        'security-options',
        'privileged',
        'host-paths',
        'host-paths',
        'host-namespaces',
        'remote-sources',
      ])
      expect(await ok(anna, primary, '$D run --rm --privileged -v /:/host $I ls /host/etc/hostname', cli)).toBe(
        '/host/etc/hostname\n',
      )
      await ok(alice, primary, '$D rm -f web && $D volume rm data', cli)
    })

    it('works for a viewer with a token in its configuration, and changes nothing', async () => {
      await ok(anna, primary, `$D run -d --name seen $I sh -c 'echo said; sleep 600'`, cli)
      expect(await ok(vera, primary, `$D ps --format '{{.Names}}'`, cli)).toMatch(/^\S+\/seen$/m)
      await eventually(async () => (await ok(vera, primary, '$D logs seen', cli)) === 'said\n', 10_000, 'the log')
      expect(await refused(vera, primary, '$D exec seen id', cli)).toMatch(
        /access denied to "vera" \(viewer\): POST \/containers\/seen\/exec: the role viewer does not include it/,
      )
      expect(await refused(vera, primary, '$D rm -f seen', cli)).toContain('access denied to "vera"')
      expect(await refused(vera, primary, '$D cp seen:/etc/passwd -', cli)).toContain('access denied to "vera"')
      await ok(anna, primary, '$D rm -f seen', cli)
    })

    it('is told why it is not let in', async () => {
      expect(await refused(nobody, primary, '$D ps', cli)).toContain(
        'access denied: this endpoint has to know who you are: show a client certificate or send a bearer token',
      )
    })
  })

  it('a deployer brings up the project of the token with Compose, and no other', async () => {
    const compose = programForms.find((form) => form.name === 'executable')?.command('docker-compose') ?? []
    await writeFile(
      join(folder, 'compose.yaml'),
      `services:\n  web:\n    image: ${image}\n    command: sleep 600\n    volumes: [data:/data]\nvolumes: {data: {}}\n`,
    )
    const C = compose.map((word) => `'${word}'`).join(' ')
    await ok(dora, primary, `${C} -p shop up -d`)
    expect(await ok(dora, primary, `${C} -p shop exec -T web echo in`)).toBe('in\n')
    expect(await refused(dora, primary, `${C} -p blog up -d`)).toContain('project "blog" is not one of theirs')
    await ok(anna, primary, `${C} -p blog up -d`)
    expect(await refused(dora, primary, `${C} -p blog down -v -t 0`)).toContain('belongs to project "blog"')
    expect(await refused(dora, primary, '$D exec blog-web-1 id')).toContain(
      'container blog-web-1 belongs to project "blog"',
    )
    expect(
      await refused(dora, primary, '$D run --rm -v blog_data:/x -l com.docker.compose.project=shop $I true'),
    ).toContain('volume blog_data belongs to project "blog"')
    await ok(dora, replica, `${C} -p shop down -v -t 0`)
    await ok(anna, replica, `${C} -p blog down -v -t 0`)
  })

  it('builds go where they can be looked into', async () => {
    const compose = (programForms.find((form) => form.name === 'executable')?.command('docker-compose') ?? []).join(' ')
    await mkdir(join(folder, 'context'))
    await writeFile(
      join(folder, 'context/Dockerfile'),
      `FROM ${image}\nRUN echo built > /built\nCMD ["cat", "/built"]\n`,
    )
    const project = 'services: {web: {build: context, image: made:here}}\n'
    await writeFile(join(folder, 'context/compose.yaml'), project.replace('context', '.'))
    for (const { path: cli } of dockerClis) {
      await ok(alice, primary, 'DOCKER_BUILDKIT=0 $D build -q -t made:here context && $D run --rm made:here', cli)
      expect(await refused(alice, primary, 'DOCKER_BUILDKIT=0 $D build --network host context', cli)).toContain(
        'networkmode needs the freedom host-namespaces',
      )
    }
    const build = `${compose} -f context/compose.yaml build`
    const told = await ok(alice, primary, `${build} 2>&1`)
    expect(told).toMatch(/needs the freedom build-entitlements.*; it is built with the classic builder/)
    await ok(alice, primary, `DOCKER_BUILDKIT=0 ${build}`)
    await ok(anna, primary, build)
    await ok(dora, replica, `DOCKER_BUILDKIT=0 ${build}`)
    await ok(alice, primary, '$D rmi -f made:here')
  })

  it('a replica tells the primary who asks', async () => {
    const ask = '--cacert $DOCKER_CERT_PATH/ca.pem https://${DOCKER_HOST#tcp://}/flotilla/whoami'
    const pair = '--cert $DOCKER_CERT_PATH/cert.pem --key $DOCKER_CERT_PATH/key.pem'
    expect(await ok(alice, replica, `curl -s ${pair} ${ask}`)).toBe(
      '{"Name":"alice","Role":"operator","How":"certificate"}\n',
    )
    expect(await ok(nobody, replica, `curl -s -H 'Authorization: Bearer token-of-dora' ${ask}`)).toBe(
      '{"Name":"dora","Role":"deployer","How":"token","Projects":["shop"]}\n',
    )
    const forged = `curl -s ${pair} -H 'X-Flotilla-Caller: certificate anna' ${ask}`
    expect(await ok(alice, replica, forged)).toContain('only a manager may say for whom it asks')
    expect(await ok(alice, primary, forged)).toContain('only a manager may say for whom it asks')
    expect((await replica.ask('GET', '/flotilla/whoami')).body).toBe('{"Name":"","Role":"admin","How":"socket"}\n')
    expect(await ok(alice, replica, '$D run --rm $I echo through')).toBe('through\n')
    expect(await refused(alice, replica, '$D run --rm --privileged $I true')).toContain('needs the freedom privileged')
    expect(await refused(vera, replica, '$D run --rm $I true')).toContain('access denied to "vera"')
    // Managers hear each other all the same.
    await eventually(
      async () => (await primary.ask('GET', '/flotilla/managers')).body.includes(replica.address),
      20_000,
      'the announcement of the replica',
    )
  })

  it('our own commands show what the docker command shows', async () => {
    const swarm = (programForms.find((form) => form.name === 'executable')?.command('swarm') ?? []).join(' ')
    expect(await ok(vera, primary, `${swarm} nodes`)).toContain('healthy')
    expect(await refused(vera, primary, `${swarm} drain ${place.hosts[0]?.name ?? ''}`)).toContain(
      'access denied to "vera"',
    )
    expect(await refused(nobody, primary, `${swarm} nodes`)).toContain('access denied')
  })

  it('takes a change of the file over, and not one that cannot be used', async () => {
    const file = join(folder, 'access.yaml')
    await writeFile(file, rules('  what: 5'))
    await eventually(() => /access rules stay as they were/.test(primary.log()), 15_000, 'the complaint')
    expect(primary.log()).toContain(`${file}:6: users.what: is no map of keys and values`)
    await ok(vera, primary, '$D ps')
    await writeFile(file, rules().replace(/^ {2}vera.*\n/m, ''))
    await eventually(async () => (await as(vera, primary, '$D ps')).code !== 0, 15_000, 'the end of a token')
    expect(await refused(vera, primary, '$D ps')).toContain('access denied: nobody has this bearer token')
    await ok(alice, primary, '$D ps')
  })
})

describe.each(programForms)('$name', (form) => {
  it('checks files, makes tokens, and does not start with rules that cannot be used', async () => {
    ensurePrograms()
    const home = await mkdtemp(join(tmpdir(), 'flotilla-access-cli-'))
    const run = (...args: readonly string[]): Promise<RunResult> => collect(form.start('swarm', args), 30_000)
    try {
      const made = await run('access', 'token')
      const [, token = '', hash = ''] = /^token: (\S+)\nhash: {2}(\S+)\n$/.exec(made.stdout) ?? []
      expect(hash).toBe(`sha256:${hashToken(token)}`)
      const file = join(home, 'access.yaml')
      await writeFile(file, `users:\n  ci:\n    token: ${hash}\n    role: viewer\n`)
      const good = await run('access', 'check', file)
      expect([good.code, good.stdout.split('\n')[1]]).toEqual([
        0,
        `ci     viewer   token ${hash.slice(7, 19)}         never`,
      ])
      await writeFile(file, (await readFile(file, 'utf8')).replace('viewer', 'boss'))
      const why = `${file}:4: users.ci.role: "boss" is none of viewer, tenant, deployer, operator, admin`
      const bad = await run('access', 'check', file)
      expect([bad.code, bad.stderr]).toEqual([1, `${why}\n`])
      const manage = await run(
        'manage',
        '-H',
        `unix://${home}/s`,
        '--cluster-opt',
        `swarm.access=${file}`,
        'nodes://127.0.0.1:1',
      )
      expect([manage.code, manage.stdout + manage.stderr]).toEqual([
        1,
        expect.stringContaining(JSON.stringify(why).slice(1, -1)),
      ])
    } finally {
      await rm(home, { recursive: true, force: true })
    }
  })
})
