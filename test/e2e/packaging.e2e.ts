import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEngine } from '../../src/engine/client.ts'
import { engineInfo } from '../../src/engine/api/system.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { systemClock } from '../../src/io/clock.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab, LabHost, LabOutput } from '../../src/testing/lab/types.ts'
import { ensurePrograms } from './programs.ts'
import { eventually } from './swarm-cluster.ts'

/** What is shipped besides the programs: the container image, made and run on a real engine, and the systemd units. */

const root = resolve(import.meta.dirname, '..', '..')
const isRoot = process.getuid?.() === 0 && process.platform === 'linux'

describe.runIf(isRoot)('the container image (needs root on Linux)', () => {
  const name = 'flotilla/swarm:test'
  let place: Lab
  let host: LabHost
  let client: Engine | undefined

  beforeAll(async () => {
    ensurePrograms()
    const made = spawnSync(process.execPath, [join(root, 'scripts', 'build-image.mjs')], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(made.status, made.stderr).toBe(0)
    place = await lab({ engines: ['20.10'] })
    host = place.hosts[0]!
    const args = ['build', '-q', '-t', name, join(root, 'dist', 'image')]
    // The builder of old, with nothing but local pieces.
    const built = await host.docker(args, { timeoutMs: 120_000, env: { DOCKER_BUILDKIT: '0' } })
    expect(built.code, built.stderr).toBe(0)
  }, 240_000)
  afterAll(async () => {
    await client?.close()
    await place?.down()
  })

  async function run(...args: readonly string[]): Promise<LabOutput> {
    return host.docker(['run', '--rm', ...args], { timeoutMs: 60_000 })
  }

  it('has the contract of the classic one', async () => {
    const { stdout } = await host.docker(['image', 'inspect', name, '--format', '{{json .Config}}'])
    expect(JSON.parse(stdout)).toMatchObject({
      Entrypoint: ['/swarm'],
      Cmd: ['--help'],
      Env: expect.arrayContaining(['SWARM_HOST=:2375']),
      ExposedPorts: { '2375/tcp': {} },
      Volumes: { '/.swarm': {} },
    })
    expect((await run(name)).stdout).toMatch(/^Usage: swarm \[OPTIONS\] COMMAND/)
    expect((await run(name, '--version')).stdout).toMatch(/^swarm version 1\.2\.9 /)
    expect((await run(name, 'list', 'nodes://b:1,a:1')).stdout).toBe('a:1\nb:1\n')
  })

  it('holds ssh, the other programs, and certificates of authorities', async () => {
    expect((await run('--entrypoint', 'ssh', name, '-V')).stderr).toMatch(/^OpenSSH_/)
    expect((await run('--entrypoint', 'flotilla', name, 'version')).stdout).toMatch(/^flotilla version /)
    await host.docker(['create', '--name', 'look', name])
    const copied = await host.docker(['cp', 'look:/etc/ssl/certs/ca-certificates.crt', '-'])
    expect(copied.stdout).toContain('-----BEGIN CERTIFICATE-----')
    await host.docker(['rm', 'look'])
  })

  it('manages engines, unprivileged and read-only, and stops when it is told to', async () => {
    const certs = [
      '--tlsverify',
      '--tlscacert',
      '/.swarm/ca.pem',
      '--tlscert',
      '/.swarm/cert.pem',
      '--tlskey',
      '/.swarm/key.pem',
    ]
    const flags = ['--name', 'swarm', '--read-only', '--cap-drop', 'ALL', '-p', '2375:2375']
    const created = await host.docker(['create', ...flags, name, 'manage', ...certs, `nodes://${host.address}`])
    expect(created.code, created.stderr).toBe(0)
    for (const file of ['ca.pem', 'cert.pem', 'key.pem']) {
      await host.docker(['cp', join(host.certificates.directory, file), `swarm:/.swarm/${file}`])
    }
    expect((await host.docker(['start', 'swarm'])).code).toBe(0)
    const { ca, cert, key } = host.certificates
    // The certificate is a client's: no name in it is the host's.
    const tls = { ca, cert, key, isVerified: false }
    client = openEngine({ kind: 'tcp', host: host.ip, port: 2375, tls }, { clock: systemClock, userAgent: 'test' })
    const engine = client
    await eventually(
      async () => JSON.stringify(await engineInfo(engine).catch(() => ({}))).includes('Healthy'),
      30_000,
      `the engine in the table: ${(await host.docker(['logs', 'swarm'])).stderr}`,
    )
    expect((await host.docker(['stop', 'swarm'])).code).toBe(0)
    expect((await host.docker(['inspect', 'swarm', '--format', '{{.State.ExitCode}}'])).stdout).toBe('0\n')
    expect((await host.docker(['logs', 'swarm'])).stderr).toContain('Received SIGTERM, shutting down')
  })
})

describe.runIf(spawnSync('systemd-analyze', ['--version']).status === 0)(
  'the systemd units (need systemd-analyze)',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'flotilla-units-'))
    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    it.each(['swarm-manage', 'swarm-join'])('%s is understood and fenced in', (unit) => {
      const text = readFileSync(join(root, 'packaging', 'systemd', `${unit}.service`), 'utf8')
      const path = join(folder, `${unit}.service`)
      // The check wants the program to be there.
      writeFileSync(path, text.replaceAll('/usr/bin/swarm', '/bin/true'))
      const verified = spawnSync('systemd-analyze', ['verify', '--man=no', path], { encoding: 'utf8' })
      expect(verified.stderr.split('\n').filter((line) => line.includes(unit))).toEqual([])
      expect(verified.status).toBe(0)
      // systemd gives that folder away with all that is in it, and hosts of the driver `local` lie there.
      expect(text).not.toMatch(/^StateDirectory=flotilla$/m)
      const judged = spawnSync('systemd-analyze', ['security', '--offline=yes', path], { encoding: 'utf8' })
      expect(Number(/exposure level for \S+: ([\d.]+)/.exec(judged.stdout)?.[1])).toBeLessThan(3)
    })
  },
)
