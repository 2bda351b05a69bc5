import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '../../src/core/log.ts'
import { systemClock } from '../../src/io/clock.ts'
import { cacheFolder, resolveEngineRoot } from '../../src/machine/debian/engine-tree.ts'
import { ensurePrograms, executableForm } from './programs.ts'
import type { RunResult } from './programs.ts'

/**
 * Provisioning of a whole Debian with systemd, over SSH. The root tree is built once (about 90 s and 420 MB
 * under the user's cache folder); a host of it takes four seconds.
 */

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const hasTool = spawnSync('mmdebstrap', ['--version']).status === 0
const buildMs = 600_000

describe.runIf(isRoot && hasTool)('a host with systemd (needs root on Linux and mmdebstrap)', () => {
  const form = executableForm
  let folder: string
  beforeAll(() => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-systemd-'))
  })
  afterAll(async () => {
    await machine('rm', '-f', 'unit')
    rmSync(folder, { recursive: true, force: true })
  })

  function machine(...args: string[]): Promise<RunResult> {
    const env = {
      MACHINE_STORAGE_PATH: join(folder, 'store'),
      FLOTILLA_LOCAL_DIR: join(folder, 'local'),
      FLOTILLA_LOCAL_SUBNET: '10.214.50.0/24',
      FLOTILLA_CACHE: cacheFolder(process.env),
    }
    return form.run('docker-machine', args, { env, timeoutMs: buildMs })
  }

  it(
    'is provisioned with one drop-in, whatever blanks and signs the options hold',
    async () => {
      const created = await machine(
        'create',
        '-d',
        'local',
        '--local-systemd',
        '--engine-label',
        'x=a b$c%d',
        '--engine-env',
        'NOTE=b ar $x 100% "q"',
        // What Debian has is that already: nothing is installed.
        '--engine-version',
        '20.10',
        'unit',
      )
      expect(created.stderr).toBe('')
      expect(created.stdout).toContain('Provisioning with debian...\nCopying certs to the local machine directory...\n')
      const { stdout: script } = await machine('env', 'unit')
      const docker = spawnSync('sh', ['-c', `${script}\ndocker info --format '{{json .Labels}}'`], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] },
      })
      expect((JSON.parse(docker.stdout) as string[]).toSorted()).toEqual(['provider=local', 'x=a b$c%d'])
      const note = await machine('ssh', 'unit', 'tr "\\0" "\\n" < /proc/$(pidof dockerd)/environ | grep ^NOTE=')
      expect(note.stdout).toBe('NOTE=b ar $x 100% "q"\n')
      expect((await machine('ssh', 'unit', 'systemctl is-enabled docker')).stdout).toBe('enabled\n')
    },
    buildMs,
  )

  it('settings that would fight with ours are refused before the engine is touched', async () => {
    const conflicts: readonly (readonly [string, string, RegExp])[] = [
      [
        '/etc/docker/daemon.json',
        '{"tlsverify": true, "hosts": []}',
        /daemon\.json on the host already sets hosts, tlsverify\n/,
      ],
      ['/etc/docker/daemon.json', '{"hosts"', /daemon\.json on the host is not valid JSON: /],
      [
        '/etc/systemd/system/docker.service.d/zz.conf',
        '[Service]\nExecStart=\nExecStart=/bin/true\n',
        /docker\.service\.d\/zz\.conf on the host already sets the engine's command line\n/,
      ],
    ]
    for (const [path, content, message] of conflicts) {
      await machine('ssh', 'unit', `printf %s '${content.replaceAll('\n', '\\n')}' | sed 's/\\\\n/\\n/g' > ${path}`)
      const result = await machine('regenerate-certs', '-f', 'unit')
      expect(result.code, path).toBe(1)
      expect(result.stderr).toMatch(message)
      expect((await machine('ssh', 'unit', 'systemctl is-active docker')).stdout).toBe('active\n')
      await machine('ssh', 'unit', `rm ${path}`)
    }
    expect((await machine('config', 'unit')).code).toBe(0)
  })

  it('stop, start and restart bring the same engine back', async () => {
    expect((await machine('stop', 'unit')).code).toBe(0)
    expect((await machine('status', 'unit')).stdout).toBe('Stopped\n')
    expect((await machine('start', 'unit')).stdout).toBe(
      'Starting "unit"...\nMachine "unit" was started.\nWaiting for SSH to be available...\nStarted machines may have new IP addresses. You may need to re-run the `docker-machine env` command.\n',
    )
    expect((await machine('restart', 'unit')).code).toBe(0)
    expect((await machine('config', 'unit')).code).toBe(0)
  })

  it('an option the engine does not know fails with its last words', async () => {
    const ip = (await machine('ip', 'unit')).stdout.trim()
    const key = join(folder, 'store/machines/unit/id_rsa')
    const result = await machine(
      'create',
      '-d',
      'generic',
      '--generic-ip-address',
      ip,
      '--generic-ssh-key',
      key,
      '--engine-opt',
      'nonsense=1',
      'bad',
    )
    expect(result.code).toBe(1)
    expect(result.stderr).toContain('Error creating machine: Error running provisioning: ')
    expect(result.stderr).toMatch(/last lines of the engine's log:[\s\S]*unknown flag: --nonsense/)
    expect((await machine('rm', '-y', 'bad')).code).toBe(0)
  })

  it(
    'upgrade takes the newer engine that the package archive has, over SSH, unless the record names a version',
    async () => {
      // Debian's engine of another release, in a package of this one, in an archive of the host's own.
      const tree = await resolveEngineRoot('28.5', { clock: systemClock, log: silentLog, env: process.env })
      for (const name of ['dockerd', 'docker-proxy']) {
        const copied = await machine('scp', '-q', join(tree, 'usr/sbin', name), `unit:/srv/${name}`)
        expect(copied).toMatchObject({ code: 0, stderr: '' })
      }
      const prepared = await machine('ssh', 'unit', newerEngine)
      expect(prepared).toMatchObject({ code: 0 })
      const installed = async (): Promise<string> =>
        (await machine('ssh', 'unit', "dpkg-query -W -f '${Version}' docker.io")).stdout
      const old = await installed()
      expect(old).toMatch(/^20\.10\./)
      // `unit` was made with --engine-version 20.10.
      expect(await machine('upgrade', 'unit')).toMatchObject({ code: 0, stderr: '' })
      expect(await installed()).toBe(old)
      const ip = (await machine('ip', 'unit')).stdout.trim()
      const key = join(folder, 'store/machines/unit/id_rsa')
      const login = ['--generic-ip-address', ip, '--generic-ssh-key', key]
      const made = await machine('create', '-d', 'generic', ...login, '--engine-label', 'kept=yes', 'free')
      expect(made).toMatchObject({ code: 0, stderr: '' })
      const before = await machine('ssh', 'free', 'pidof dockerd')
      // The package restarts the engine by itself: what is in the way has to be known before.
      const settings = '{"labels": ["mine=yes"]}'
      await machine('ssh', 'free', `printf %s '${settings}' > /etc/docker/daemon.json`)
      expect(await machine('upgrade', 'free')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('daemon.json on the host already sets labels') as string,
      })
      expect((await machine('ssh', 'free', 'cat /etc/docker/daemon.json; pidof dockerd')).stdout).toBe(
        `${settings}${before.stdout}`,
      )
      expect(await installed()).toBe(old)
      await machine('ssh', 'free', 'rm /etc/docker/daemon.json')
      const upgraded = await machine('upgrade', 'free')
      expect(upgraded).toMatchObject({ code: 0, stderr: '' })
      expect(upgraded.stdout).toMatch(
        /^Upgrading docker\.\.\.\n[^]*\nRestarting docker\.\.\.\n[^]*\nDocker is up and running!\n$/,
      )
      expect(await installed()).toBe('99:28.5')
      expect((await machine('version', 'free')).stdout).toMatch(/^28\.5\./)
      expect((await machine('ssh', 'free', 'pidof dockerd')).stdout).not.toBe(before.stdout)
      const { stdout: script } = await machine('env', 'free')
      const docker = spawnSync('sh', ['-c', `${script}\ndocker info --format '{{json .Labels}}'`], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] },
      })
      expect((JSON.parse(docker.stdout) as string[]).toSorted()).toEqual(['kept=yes', 'provider=generic'])
      expect((await machine('ssh', 'free', 'systemctl is-active docker')).stdout).toBe('active\n')
      expect((await machine('rm', '-y', 'free')).code).toBe(0)
    },
    buildMs,
  )
})

/** Makes the only archive that the host knows: one with its own docker.io, whose engine is the one in /srv. */
const newerEngine = String.raw`
set -e
d=/srv/package
mkdir -p $d/DEBIAN /srv/archive
dpkg -L docker.io | grep -v '^/usr/share\|^/\.$' | while read -r f; do
  if [ -d "$f" ]; then mkdir -p "$d$f"; else cp -a "$f" "$d$f"; fi
done
cp /srv/dockerd /srv/docker-proxy $d/usr/sbin/
chmod 0755 $d/usr/sbin/*
for part in conffiles preinst postinst prerm postrm; do
  [ ! -e /var/lib/dpkg/info/docker.io.$part ] || cp -a /var/lib/dpkg/info/docker.io.$part $d/DEBIAN/$part
done
dpkg-query -s docker.io | awk '
  /^Conffiles:/ { hidden = 1; next }
  /^[^ ]/ { hidden = 0 }
  hidden || /^Status:/ { next }
  /^Version:/ { print "Version: 99:28.5"; next }
  { print }' > $d/DEBIAN/control
cd /srv/archive
dpkg-deb -Znone -b $d docker.io.deb > /dev/null
{ dpkg-deb -f docker.io.deb
  echo 'Filename: ./docker.io.deb'
  stat -c 'Size: %s' docker.io.deb
  echo "SHA256: $(sha256sum docker.io.deb | cut -d ' ' -f 1)"; } > Packages
rm -rf $d /srv/dockerd /srv/docker-proxy /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/archive ./' > /etc/apt/sources.list
`
