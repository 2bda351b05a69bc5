import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { makeHost } from '../../../test/conformance/store.ts'
import { silentLog } from '../../core/log.ts'
import { builtins } from '../../plugin/builtins.generated.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { scriptedHost } from '../../testing/scripted-host.ts'
import type { ScriptedHost, ScriptedSystem } from '../../testing/scripted-host.ts'
import { chooseProvisioner } from './detect.ts'
import { existingEngine } from './existing.ts'
import { openHostShell } from './host-shell.ts'
import { parseOsRelease } from './os-release.ts'
import type { EngineWanted, Provisioner } from './provisioner.ts'
import { renderEngineArgs } from './unit-file.ts'
import { upgradePackages } from './upgrade.ts'

/** What each family's host is told, word for word: the transcripts beside this file are to be read when they change. */

const folder = mkdtempSync(join(tmpdir(), 'families-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function loadAll(): Promise<readonly Provisioner[]> {
  const table = builtins.provisioner ?? {}
  return Promise.all(Object.values(table).map(async (entry) => (await entry.load()) as Provisioner))
}

const pem = (name: string): string => `-----BEGIN ${name}-----\n`

function wantedEngine(more: Partial<EngineWanted> & { readonly env?: readonly string[] } = {}): EngineWanted {
  const { options } = makeHost('a')
  const engine = {
    ...options.EngineOptions,
    Labels: ['rack=r1'],
    InsecureRegistry: ['registry.example:5000'],
    RegistryMirror: ['http://mirror.example'],
    ArbitraryFlags: ['bip=10.1.0.1/24'],
  }
  return {
    setup: {
      args: renderEngineArgs({ ...options, EngineOptions: engine }, 'generic', 2376),
      env: more.env ?? ['NOTE=b ar $x'],
      files: [
        { path: '/etc/docker/ca.pem', content: pem('CERTIFICATE'), mode: 0o644 },
        { path: '/etc/docker/server.pem', content: pem('CERTIFICATE'), mode: 0o644 },
        { path: '/etc/docker/server-key.pem', content: pem('PRIVATE KEY'), mode: 0o600 },
      ],
    },
    port: 2376,
    version: '',
    installUrl: '',
    ...more,
  }
}

async function provision(host: ScriptedHost, system: ScriptedSystem, wanted: EngineWanted): Promise<string> {
  const os = parseOsRelease(system.osRelease)
  const provisioner = chooseProvisioner(os, await loadAll())
  const shell = await openHostShell(host.ssh, {})
  await provisioner.provision({ shell, os, log: silentLog, clock: manualClock() }, wanted, {})
  return provisioner.name
}

interface Case extends ScriptedSystem {
  readonly title: string
  readonly name: string
}

const cases: readonly Case[] = [
  {
    title: 'debian',
    name: 'debian',
    osRelease: 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n',
    init: 'systemd',
    versions: { 'docker-cli': ['26.1.5+dfsg1-9'] },
  },
  {
    title: 'ubuntu',
    name: 'ubuntu(systemd)',
    osRelease: 'PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nUBUNTU_CODENAME=noble\n',
    init: 'systemd',
  },
  {
    title: 'fedora',
    name: 'fedora',
    osRelease: 'PRETTY_NAME="Fedora Linux 42"\nID=fedora\nVERSION_ID=42\nVARIANT_ID=server\n',
    init: 'systemd',
  },
  {
    title: 'centos',
    name: 'centos',
    osRelease: 'PRETTY_NAME="CentOS Stream 10"\nID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="10"\n',
    init: 'systemd',
  },
  {
    title: 'redhat',
    name: 'redhat',
    osRelease: 'PRETTY_NAME="Red Hat Enterprise Linux 9.6"\nID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.6"\n',
    init: 'systemd',
    files: { '/usr/bin/curl': '' },
  },
  {
    title: 'rocky',
    name: 'rocky',
    osRelease: 'PRETTY_NAME="Rocky Linux 9.6"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.6"\n',
    init: 'systemd',
  },
  {
    title: 'almalinux',
    name: 'almalinux',
    osRelease: 'PRETTY_NAME="AlmaLinux 8.10"\nID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="8.10"\n',
    init: 'systemd',
  },
  {
    title: 'oracle',
    name: 'ol',
    osRelease: 'PRETTY_NAME="Oracle Linux Server 9.6"\nID="ol"\nID_LIKE="fedora"\nVERSION_ID="9.6"\n',
    init: 'systemd',
  },
  {
    title: 'amazon',
    name: 'amzn',
    osRelease: 'PRETTY_NAME="Amazon Linux 2"\nID="amzn"\nID_LIKE="centos rhel fedora"\nVERSION_ID="2"\n',
    init: 'systemd',
  },
  {
    title: 'opensuse',
    name: 'SUSE',
    osRelease: 'PRETTY_NAME="openSUSE Leap 15.6"\nID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"\n',
    init: 'systemd',
  },
  {
    title: 'sles',
    name: 'SUSE',
    osRelease: 'PRETTY_NAME="SUSE Linux Enterprise Server 15 SP6"\nID="sles"\nID_LIKE="suse"\nVERSION_ID="15.6"\n',
    init: 'systemd',
  },
  { title: 'arch', name: 'arch', osRelease: 'PRETTY_NAME="Arch Linux"\nID=arch\n', init: 'systemd' },
  {
    title: 'alpine',
    name: 'alpine',
    osRelease: 'PRETTY_NAME="Alpine Linux v3.22"\nID=alpine\nVERSION_ID=3.22.0\n',
    init: 'openrc',
    files: { '/etc/conf.d/docker': '# settings of docker\nDOCKER_OPTS=""\nrc_ulimit="-n 4096"' },
  },
  {
    title: 'flatcar',
    name: 'flatcar',
    osRelease: 'PRETTY_NAME="Flatcar Container Linux"\nID=flatcar\nID_LIKE=coreos\nVERSION_ID=4230.2.0\n',
    init: 'systemd',
    engine: '/usr/bin/dockerd',
  },
  {
    title: 'fedora-coreos',
    name: 'fedora-coreos',
    osRelease: 'PRETTY_NAME="Fedora CoreOS 42"\nID=fedora\nVERSION_ID=42\nVARIANT_ID=coreos\n',
    init: 'systemd',
    engine: '/usr/bin/dockerd',
  },
  {
    title: 'photon',
    name: 'photon',
    osRelease: 'PRETTY_NAME="Photon OS 5"\nID=photon\nVERSION_ID=5.0\n',
    init: 'systemd',
  },
  {
    title: 'boot2docker',
    name: 'boot2docker',
    osRelease: 'PRETTY_NAME="Boot2Docker 19.03"\nID=boot2docker\nID_LIKE=tinycore\nVERSION_ID=19.03.12\n',
    init: 'boot2docker',
    engine: '/usr/local/bin/dockerd',
    files: { '/var/lib/boot2docker/profile': 'USER_SETTING=1\n' },
  },
  {
    title: 'debian-without-init',
    name: 'debian',
    osRelease: 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
    init: 'none',
    engine: '/usr/sbin/dockerd',
  },
]

describe.each(cases)('a host with $title', (system) => {
  it('is told what its transcript says, in words a shell understands', async () => {
    const host = scriptedHost(system)
    expect(await provision(host, system, wantedEngine())).toBe(system.name)
    await expect(`${host.transcript.join('\n')}\n`).toMatchFileSnapshot(`transcripts/${system.title}.txt`)
    const commands = host.transcript.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2))
    execFileSync('/bin/sh', ['-n'], { input: commands.join('\n') })
  })

  it('is told the same when it is provisioned again, without an installation', async () => {
    const host = scriptedHost(system)
    await provision(host, system, wantedEngine())
    const files = new Map(host.files)
    const start = host.transcript.length
    await provision(host, system, wantedEngine())
    expect(host.files).toEqual(files)
    expect(host.transcript.slice(start).join('\n')).not.toMatch(/ install | add -q|pacman -S|download\.docker\.com/)
  })
})

describe('which provisioner takes a system', () => {
  const choose = async (text: string): Promise<string> => chooseProvisioner(parseOsRelease(text), await loadAll()).name

  it('is that of the nearest relative when nobody knows it', async () => {
    expect(await choose('ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"')).toBe('ubuntu(systemd)')
    expect(await choose('ID=kali\nID_LIKE=debian')).toBe('debian')
    expect(await choose('ID=manjaro\nID_LIKE=arch')).toBe('arch')
    expect(await choose('ID=eurolinux\nID_LIKE="rhel fedora centos"')).toBe('redhat')
    expect(await choose('ID=opensuse-slowroll\nID_LIKE="opensuse suse"')).toBe('SUSE')
    expect(await choose('ID=postmarketos\nID_LIKE=alpine')).toBe('alpine')
    expect(await choose('ID=fedora\nVARIANT_ID=silverblue')).toBe('fedora-coreos')
  })

  it('is none for releases that are too old and for strangers, who are told what there is', async () => {
    await expect(choose('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="14.04"')).rejects.toThrow('OS type not recognized')
    await expect(choose('ID=rancheros\nVERSION_ID=v1.5')).rejects.toMatchObject({
      hint: expect.stringMatching(/Alpine Linux.*Arch Linux.*Debian.*Fedora.*Ubuntu/),
    })
  })

  it('exactly one matches each system', async () => {
    const all = await loadAll()
    for (const { osRelease, name } of cases) {
      expect(all.filter((each) => each.matches(parseOsRelease(osRelease))).map((each) => each.name)).toEqual([name])
    }
  })
})

describe('the version of the engine', () => {
  const debian: ScriptedSystem = {
    osRelease: 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
    init: 'systemd',
    versions: {
      'docker.io': ['20.10.24+dfsg1-1+deb12u1+b2'],
      'docker-ce': ['5:28.10.0-1~debian.12~bookworm', '5:28.1.1-1~debian.12~bookworm', '5:28.1.0-1~debian.12~bookworm'],
    },
  }
  const installs = (host: ScriptedHost): readonly string[] =>
    host.transcript.filter((line) => line.includes(' install ') && !line.includes('install -m'))

  it('is taken from the distribution where it has it', async () => {
    const host = scriptedHost(debian)
    await provision(host, debian, wantedEngine({ version: '20.10' }))
    expect(installs(host)).toHaveLength(1)
    expect(installs(host)[0]).toMatch(/install docker\.io=20\.10\.24\+dfsg1-1\+deb12u1\+b2 iptables$/)
  })

  it("else from Docker's repository, its newest that fits", async () => {
    const host = scriptedHost(debian)
    await provision(host, debian, wantedEngine({ version: '28.1' }))
    expect(installs(host).at(-1)).toMatch(
      /'docker-ce=5:28\.1\.1-1~debian\.12~bookworm' 'docker-ce-cli=5:28\.1\.1-1\S+' containerd\.io$/,
    )
    expect(host.transcript.join('\n')).toContain('linux/debian bookworm stable')
  })

  it('that nobody has is refused with what there is, before the engine is touched', async () => {
    const host = scriptedHost(debian)
    await expect(provision(host, debian, wantedEngine({ version: '99' }))).rejects.toMatchObject({
      message: 'no package of version 99 for Debian GNU/Linux 12',
      hint: expect.stringMatching(/^Debian has docker\.io 20\.10\.24\S*; Docker has docker-ce 5:28\.10\.0/),
    })
    expect(host.transcript.join('\n')).not.toContain('stop docker')
  })

  it('a repository that cannot be read does not hide what the others have', async () => {
    const system = { ...debian, failing: { 'download.docker.com': 'curl: (6) Could not resolve host' } }
    await expect(provision(scriptedHost(system), system, wantedEngine({ version: '99' }))).rejects.toMatchObject({
      hint: 'Debian has docker.io 20.10.24+dfsg1-1+deb12u1+b2; the repository of Docker cannot be read: curl: (6) Could not resolve host',
    })
  })

  it('is changed when another one is there, and left alone when it is the wanted one', async () => {
    const there = { ...debian, engine: '/usr/sbin/dockerd', engineVersion: '20.10.24+dfsg1' }
    const same = scriptedHost(there)
    await provision(same, there, wantedEngine({ version: '20.10' }))
    expect(installs(same)).toEqual([])
    const other = scriptedHost(there)
    await provision(other, there, wantedEngine({ version: '28' }))
    expect(installs(other).at(-1)).toContain('docker-ce=5:28.10.0')
  })

  // docker-ce-packaging rpm/SPECS: docker-ce has epoch 3, docker-ce-cli has 1.
  it('is asked for without its epoch where the packages of one release have several', async () => {
    const rocky: ScriptedSystem = {
      osRelease: 'PRETTY_NAME="Rocky Linux 9.6"\nID="rocky"\nVERSION_ID="9.6"\n',
      init: 'systemd',
      versions: { 'docker-ce': ['3:28.1.0-1.el9', '3:28.1.1-1.el9'] },
    }
    const host = scriptedHost(rocky)
    await provision(host, rocky, wantedEngine({ version: '28.1' }))
    expect(installs(host).at(-1)).toMatch(
      /install docker-ce-28\.1\.1-1\.el9 docker-ce-cli-28\.1\.1-1\.el9 containerd\.io$/,
    )
  })

  it('cannot be chosen where the engine is a part of the system', async () => {
    const flatcar: ScriptedSystem = {
      osRelease: 'PRETTY_NAME="Flatcar"\nID=flatcar\n',
      init: 'systemd',
      engine: '/usr/bin/dockerd',
      engineVersion: '27.3.1',
    }
    await expect(provision(scriptedHost(flatcar), flatcar, wantedEngine({ version: '28' }))).rejects.toThrow(
      'the engine of Flatcar is a part of the system and not version 28',
    )
    await provision(scriptedHost(flatcar), flatcar, wantedEngine({ version: '27.3' }))
  })
})

describe('the repositories of Alpine', () => {
  async function prepare(text: string): Promise<string> {
    const system: ScriptedSystem = { osRelease: 'ID=alpine\n', init: 'openrc' }
    const host = scriptedHost(system)
    await provision(host, system, wantedEngine())
    const command = host.transcript.find((line) => line.includes('/etc/apk/repositories'))?.slice(2) ?? ''
    const path = join(folder, 'repositories')
    writeFileSync(path, text)
    execFileSync('/bin/sh', ['-c', command.replaceAll('/etc/apk/repositories', path)])
    return readFileSync(path, 'utf8')
  }

  it('the one beside the release in use is switched on, and no other', async () => {
    const lines = ['/media/cdrom/apks', 'http://m/alpine/v3.22/main', '#http://m/alpine/v3.22/community']
    const edge = ['#http://m/alpine/edge/main', '# http://m/alpine/edge/community', '#http://m/alpine/edge/testing']
    expect(await prepare([...lines, ...edge, ''].join('\n'))).toBe(
      [lines[0], lines[1], 'http://m/alpine/v3.22/community', ...edge, ''].join('\n'),
    )
    expect(await prepare('https://m/edge/main\n# https://m/edge/community\n')).toBe(
      'https://m/edge/main\nhttps://m/edge/community\n',
    )
  })
})

describe('what is in the way', () => {
  const base: ScriptedSystem = { osRelease: 'ID=debian\n', init: 'systemd', engine: '/usr/sbin/dockerd' }

  it('a script of the user installs the engine, through the proxies it is to have', async () => {
    const system: ScriptedSystem = { osRelease: 'ID=debian\n', init: 'systemd' }
    const host = scriptedHost(system)
    const env = ['HTTPS_PROXY=http://ada:pa$$@proxy:3128', 'no_proxy=10.0.0.0/8', 'NOTE=1']
    await provision(host, system, wantedEngine({ installUrl: "https://example.com/it's.sh", env }))
    const text = host.transcript.join('\n')
    expect(text).toContain(`curl -fsSL -o "$file" 'https://example.com/it'\\''s.sh'`)
    expect(text).toContain("  < export HTTPS_PROXY='http://ada:pa$$@proxy:3128'\n  < export no_proxy=10.0.0.0/8\n")
    // Only the engine's own settings, which root alone may change, hold the password beside that.
    expect(text.split('\n').filter((line) => line.includes('pa$$') && line.startsWith('$'))).toEqual([])
  })

  it('packages are brought up to date through the same proxies', async () => {
    const host = scriptedHost(base)
    const shell = await openHostShell(host.ssh, {})
    await upgradePackages(shell, ['HTTP_PROXY=http://ada:pa$$@proxy:3128', 'NOTE=1'], {})
    const text = host.transcript.join('\n')
    expect(text).toMatch(/^\$ \. \/dev\/stdin\n/)
    expect(text).toContain("  < export HTTP_PROXY='http://ada:pa$$@proxy:3128'")
    expect(text).not.toContain('NOTE')
  })

  it('settings of daemon.json that come with the command line too are named before the engine is stopped', async () => {
    const files = { '/etc/docker/daemon.json': '{"labels": ["a=b"], "bip": "10.2.0.1/24", "debug": true}' }
    const host = scriptedHost({ ...base, files })
    await expect(provision(host, base, wantedEngine())).rejects.toThrow(
      '/etc/docker/daemon.json on the host already sets labels, bip',
    )
    expect(host.transcript.join('\n')).not.toContain('stop docker')
  })

  it('a daemon.json that cannot be read is named before the engine is stopped, and stays', async () => {
    const files = { '/etc/docker/daemon.json': '{"debug": true,}' }
    const host = scriptedHost({ ...base, files })
    await expect(provision(host, base, wantedEngine())).rejects.toThrow(
      '/etc/docker/daemon.json on the host is not valid JSON: ',
    )
    expect(host.transcript.join('\n')).not.toContain('stop docker')
    expect(host.files.get('/etc/docker/daemon.json')).toBe('{"debug": true,}')
  })

  it.each([
    ['all of few', 2, 'c1, c2'],
    ['of many the first ten, and how many more', 12, 'c1, c2, c3, c4, c5, c6, c7, c8, c9, c10 and 2 more'],
  ])('who restarts an engine is told which containers stop: %s', async (_, count, names) => {
    const containers = Array.from({ length: count }, (__, index) => `c${index + 1}`)
    const host = scriptedHost({ ...base, containers })
    const shell = await openHostShell(host.ssh, {})
    const lines: string[] = []
    const log = { ...silentLog, warn: (line: string) => void lines.push(line) }
    const os = parseOsRelease(base.osRelease)
    await chooseProvisioner(os, await loadAll()).provision({ shell, os, log, clock: manualClock() }, wantedEngine(), {})
    expect(lines).toEqual([`Restarting the engine stops ${names}; containers with a restart policy come back`])
  })

  describe.each(['another version', 'newer packages'])(
    'before packages restart an engine that is there: %s',
    (what) => {
      const system: ScriptedSystem = {
        ...base,
        osRelease: 'PRETTY_NAME="Debian 12"\nID=debian\nVERSION_CODENAME=bookworm\n',
        engineVersion: '20.10.24',
        versions: { 'docker-ce': ['5:28.1.1-1~debian.12~bookworm'] },
      }

      /** Writes what the user is told into the transcript, too. */
      async function exchange(host: ScriptedHost): Promise<void> {
        const shell = await openHostShell(host.ssh, {})
        const log = { ...silentLog, warn: (line: string) => void host.transcript.push(`told: ${line}`) }
        const os = parseOsRelease(system.osRelease)
        const upgrade = async (): Promise<void> =>
          void host.transcript.push('$ apt-get install --only-upgrade docker.io')
        const wanted = wantedEngine(what === 'another version' ? { version: '28' } : { upgrade })
        await chooseProvisioner(os, await loadAll()).provision({ shell, os, log, clock: manualClock() }, wanted, {})
      }

      it('it is told which containers stop', async () => {
        const host = scriptedHost({ ...system, containers: ['db'] })
        await exchange(host)
        const order = host.transcript.filter((line) => line.startsWith('told: ') || / install .*docker/.test(line))
        expect(order[0]).toContain('told: Restarting the engine stops db;')
        expect(order.filter((line) => line.startsWith('$')).length).toBeGreaterThan(0)
        expect(order.filter((line) => line.startsWith('told: '))).toHaveLength(1)
      })

      it.each([
        ['/etc/docker/daemon.json', '{"labels": ["a=b"]}', 'daemon.json on the host already sets labels'],
        ['/etc/systemd/system/docker.service.d/zz.conf', 'ExecStart=/bin/true', 'already sets the engine'],
      ])('settings in %s that are in the way are named', async (path, text, message) => {
        const host = scriptedHost({ ...system, files: { [path]: text } })
        await expect(exchange(host)).rejects.toThrow(message)
        expect(host.transcript.filter((line) => /^put| (?:install|stop|restart) /.test(line))).toEqual([])
        expect(host.files.get(path)).toBe(text)
      })
    },
  )

  it('options of the user in the settings of OpenRC are refused, not lost', async () => {
    const system: ScriptedSystem = {
      osRelease: 'ID=alpine\n',
      init: 'openrc',
      engine: '/usr/bin/dockerd',
      files: { '/etc/conf.d/docker': 'DOCKER_OPTS="--debug"\n' },
    }
    const host = scriptedHost(system)
    await expect(provision(host, system, wantedEngine())).rejects.toThrow(
      '/etc/conf.d/docker on the host already sets DOCKER_OPTS',
    )
    expect(host.files.get('/etc/conf.d/docker')).toBe('DOCKER_OPTS="--debug"\n')
  })

  it('what a package manager says when it fails is what the user reads', async () => {
    const system: ScriptedSystem = {
      osRelease: 'ID=debian\n',
      init: 'systemd',
      failing: { ' install ': 'E: no space left' },
    }
    await expect(provision(scriptedHost(system), system, wantedEngine())).rejects.toThrow(
      /^ssh command error:\ncommand : .*install docker\.io iptables\nerr {5}: exit status 1\noutput {2}: E: no space left$/,
    )
  })

  it('an engine under systemd is enough on a system that nobody knows', async () => {
    const host = scriptedHost({ ...base, osRelease: 'ID=plan9\n' })
    const shell = await openHostShell(host.ssh, {})
    const os = parseOsRelease('ID=plan9\n')
    await existingEngine().provision({ shell, os, log: silentLog, clock: manualClock() }, wantedEngine(), {})
    expect(host.files.get('/etc/systemd/system/docker.service.d/10-machine.conf')).toContain(
      'ExecStart=/usr/sbin/dockerd',
    )
  })
})

describe('settings of OpenRC', () => {
  it('hand arguments and environment to the engine byte for byte, through both readings of the shell', async () => {
    const { renderOpenRc } = await import('./unit-file.ts')
    const args = ['--label', 'it\'s a b$c%\\"d', '--x=1']
    const text = renderOpenRc({ program: '/usr/bin/dockerd', args, env: ['NOTE=b ar $x "q" \'s\''] })
    const script = `${text}\neval "set -- $DOCKER_OPTS"; printf '%s\\0' "$NOTE" "$@"`
    const out = execFileSync('/bin/sh', ['-c', script])
    expect(out.toString()).toBe(['b ar $x "q" \'s\'', ...args].map((each) => `${each}\0`).join(''))
  })
})
