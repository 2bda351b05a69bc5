import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { unpackPackages } from '../../src/testing/lab/debian-packages.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab, LabHost, LabSsh } from '../../src/testing/lab/types.ts'
import { ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/**
 * A host whose services OpenRC starts: Debian's own OpenRC on a host of the lab, with a service for the engine that reads
 * its options as Alpine's does, from variables that the service evaluates once more.
 */

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const limitMs = 180_000

const service = `#!/sbin/openrc-run
command="\${DOCKERD_BINARY:-/usr/bin/dockerd}"
command_args="\${DOCKER_OPTS}"
supervisor=supervise-daemon
output_log=/var/log/docker.log
error_log=/var/log/docker.log
`

describe.runIf(isRoot)('a host with OpenRC (needs root on Linux and a Debian mirror)', () => {
  const [form] = programForms
  let running: Lab
  let host: LabHost
  let login: LabSsh
  let folder: string

  beforeAll(async () => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-openrc-'))
    const set = { name: 'openrc', suite: 'bookworm', packages: ['openrc', 'librc1', 'libeinfo1'] }
    const tree = await unpackPackages(set, systemClock)
    running = await lab({ hosts: 1 })
    host = running.hosts[0]!
    login = await host.sshd()
    await sh(
      'tar -xf - -C / --keep-directory-symlink',
      execFileSync('tar', ['-cf', '-', '-C', tree, '.'], { maxBuffer: 2 ** 28 }),
    )
    await sh('cat > /etc/init.d/docker && chmod 755 /etc/init.d/docker', Buffer.from(service))
    await sh(
      'mkdir -p /etc/conf.d && printf \'# of the host\\nrc_ulimit="-n 4096"\\nDOCKER_OPTS=""\\n\' > /etc/conf.d/docker',
    )
    await sh('kill "$(cat /run/docker.pid)"; while [ -e /run/docker.pid ]; do sleep 0.1; done')
    await sh(
      'ldconfig; mkdir -p /run/openrc && for each in started starting stopping inactive failed hotplugged daemons options exclusive scheduled wasinactive; do mkdir -p /run/openrc/$each; done; echo default > /run/openrc/softlevel',
    )
  }, limitMs)
  afterAll(async () => {
    await running?.down()
    rmSync(folder, { recursive: true, force: true })
  })

  async function sh(script: string, input?: Buffer): Promise<string> {
    const result = await host.exec(['sh', '-c', script], { timeoutMs: 60_000, ...(input && { input }) })
    expect(result.code, `${script}: ${result.stderr}`).toBe(0)
    return result.stdout
  }

  function machine(...args: string[]): Promise<RunResult> {
    return form!.run('docker-machine', args, {
      env: { MACHINE_STORAGE_PATH: join(folder, 'store') },
      timeoutMs: limitMs,
    })
  }

  function createArgs(name: string, ...more: string[]): readonly string[] {
    const where = ['--generic-ip-address', login.host, '--generic-ssh-key', login.keyPath]
    return ['create', '--driver', 'generic', ...where, ...more, name]
  }

  it(
    'is provisioned through the settings of its service, whatever signs the options hold',
    async () => {
      const created = await machine(
        ...createArgs('web', '--engine-label', "rack=it's a b$c", '--engine-env', 'NOTE=b ar $x "q"'),
      )
      expect(created.stderr).toBe('')
      expect(created.code).toBe(0)
      const { stdout: script } = await machine('env', 'web')
      const docker = spawnSync('sh', ['-c', `${script}\ndocker info --format '{{json .Labels}}'`], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] },
      })
      expect(docker.stdout).toBe('["rack=it\'s a b$c","provider=generic"]\n')
      expect(await sh("tr '\\0' '\\n' < /proc/$(cat /run/docker.pid)/environ | grep ^NOTE=")).toBe('NOTE=b ar $x "q"\n')
      expect(await sh('rc-update show default | grep -c docker')).toBe('1\n')
      expect(await sh('head -3 /etc/conf.d/docker')).toBe('# of the host\nrc_ulimit="-n 4096"\nDOCKER_OPTS=""\n')
      expect(await sh('rc-service docker status')).toContain('started')
    },
    limitMs,
  )

  it(
    'is provisioned again with one block of settings and one engine',
    async () => {
      expect(await machine('provision', 'web')).toMatchObject({ code: 0, stderr: '' })
      expect(await sh("grep -c '^# begin: written by Flotilla' /etc/conf.d/docker")).toBe('1\n')
      expect(await sh('pgrep -c dockerd')).toBe('1\n')
    },
    limitMs,
  )

  it(
    'an option the engine does not know fails with its last words',
    async () => {
      const bad = await machine(...createArgs('bad', '--engine-opt', 'nonsense=1'))
      expect(bad.code).toBe(1)
      expect(bad.stderr).toMatch(/last lines of the engine's log:[\s\S]*unknown flag: --nonsense/)
    },
    limitMs,
  )
})
