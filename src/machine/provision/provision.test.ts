import { execFileSync } from 'node:child_process'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeHost } from '../../../test/conformance/store.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { silentLog } from '../../core/log.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { RemoteResult, Ssh } from '../../io/ssh/ssh.ts'
import { debian } from './debian.ts'
import { chooseProvisioner, waitForSsh } from './detect.ts'
import { isListening } from './engine-steps.ts'
import { openHostShell } from './host-shell.ts'
import { parseOsRelease } from './os-release.ts'
import { renderDropIn, renderEngineArgs, renderSupervisor } from './unit-file.ts'
import { ubuntu } from './ubuntu.ts'

describe('the command line of the engine', () => {
  it('stands in the order of docker-machine, with a storage driver only when asked for', () => {
    const { options } = makeHost('a')
    const engine = {
      ...options.EngineOptions,
      Labels: ['x=1', 'y=2'],
      InsecureRegistry: ['r:5000'],
      RegistryMirror: ['http://m'],
      ArbitraryFlags: ['bip=10.1.0.1/24', 'debug'],
    }
    const tls =
      '--tlsverify --tlscacert /etc/docker/ca.pem --tlscert /etc/docker/server.pem --tlskey /etc/docker/server-key.pem'
    const rest =
      '--label x=1 --label y=2 --label provider=generic --insecure-registry r:5000 --registry-mirror http://m --bip=10.1.0.1/24 --debug'
    expect(renderEngineArgs({ ...options, EngineOptions: engine }, 'generic', 2377).join(' ')).toBe(
      `-H tcp://0.0.0.0:2377 -H unix:///var/run/docker.sock ${tls} ${rest}`,
    )
    const withDriver = { ...options, EngineOptions: { ...engine, StorageDriver: 'btrfs' } }
    expect(renderEngineArgs(withDriver, 'generic', 2377).join(' ')).toContain(
      'docker.sock --storage-driver btrfs --tlsverify',
    )
  })

  it("takes options as docker-machine's users wrote them: with blanks or dashes", () => {
    const { options } = makeHost('a')
    const ArbitraryFlags = ['log-opt max-size=10m', '--debug', '-D', 'label a=b c', 'dns=1.1.1.1 2']
    const engine = { ...options.EngineOptions, ArbitraryFlags }
    expect(renderEngineArgs({ ...options, EngineOptions: engine }, 'generic', 2376).slice(-7)).toEqual([
      '--log-opt',
      'max-size=10m',
      '--debug',
      '-D',
      '--label',
      'a=b c',
      '--dns=1.1.1.1 2',
    ])
  })

  it('what is no variable is not made one', () => {
    const script = renderSupervisor({ program: '/d', args: [], env: ['FOO', 'A;reboot=1', 'B=1'] })
    expect(script.match(/^export .*/gm)?.slice(1)).toEqual(['export B=1'])
  })

  it('a drop-in resets the command line and quotes what systemd would expand', () => {
    const command = {
      program: '/usr/sbin/dockerd',
      args: ['-H', 'tcp://0.0.0.0:2376', '--label', 'a=b c$d%e"f\\g'],
      env: ['FOO=b ar $x 100%'],
    }
    expect(renderDropIn(command)).toBe(
      [
        '[Service]',
        'ExecStart=',
        'ExecStart=/usr/sbin/dockerd -H tcp://0.0.0.0:2376 --label "a=b c$$d%%e\\"f\\\\g"',
        'Environment="FOO=b ar $x 100%%"',
        '',
      ].join('\n'),
    )
    expect(renderDropIn({ ...command, env: [] })).not.toContain('Environment')
  })

  it('a new line in an option cannot start a new setting', () => {
    const text = renderDropIn({ program: '/d', args: ['a\nExecStartPre=/bin/evil'], env: ['A=b\n[Install]'] })
    expect(text.split('\n')).toHaveLength(5)
  })

  it('the supervising script hands arguments and environment to the engine byte for byte', () => {
    const word = fc.string({ unit: 'binary', maxLength: 10 }).filter((text) => !text.includes('\0'))
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), word, (args, value) => {
        const script = renderSupervisor({ program: '/bin/echo', args, env: [`FOO=${value}`] })
        // Only the parts that carry data are run here; the whole script runs end to end over SSH.
        const exported = script.slice(script.indexOf('export FOO='), script.indexOf('engine='))
        const line = /\n {2}\/bin\/echo([\s\S]*?) &\n {2}engine=\$!/.exec(script)?.[1] ?? ''
        const out = execFileSync('/bin/sh', ['-c', `${exported}\nprintf '%s\\0' "$FOO"${line}`])
        expect(out.equals(Buffer.from([value, ...args].map((text) => `${text}\0`).join('')))).toBe(true)
      }),
      { numRuns: 25 },
    )
    execFileSync('/bin/sh', ['-n'], { input: renderSupervisor({ program: '/d', args: ["it's"], env: ['A=1 2'] }) })
  })
})

describe('the operating system', () => {
  it('is read from os-release: quotes, values with =, missing fields', () => {
    const os = parseOsRelease(
      'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian = \\"12\\""\nID_LIKE=\'a b\'\nBROKEN\nX=a=b\r\n',
    )
    const none = { variantId: '', codename: '' }
    expect(os).toEqual({ id: 'debian', versionId: '12', prettyName: 'Debian = "12"', idLike: ['a', 'b'], ...none })
    expect(parseOsRelease('')).toEqual({ id: '', versionId: '', prettyName: '', idLike: [], ...none })
  })

  const choose = (text: string): string => chooseProvisioner(parseOsRelease(text), [debian, ubuntu]).name
  it('decides the provisioner, relatives included', () => {
    expect(choose('ID=debian\nVERSION_ID="12"')).toBe('debian')
    expect(choose('ID=raspbian\nID_LIKE=debian')).toBe('debian')
    expect(choose('ID=ubuntu\nVERSION_ID="24.04"\nID_LIKE=debian')).toBe('ubuntu(systemd)')
    expect(choose('ID=linuxmint\nID_LIKE="ubuntu debian"')).toBe('ubuntu(systemd)')
  })

  it('an unknown one is named beside those that are known', () => {
    for (const text of ['ID=plan9\nPRETTY_NAME="Plan 9"', 'ID=ubuntu\nVERSION_ID="14.04"', '']) {
      expect(() => choose(text)).toThrow('Error detecting OS: OS type not recognized')
    }
    try {
      choose('ID=plan9\nPRETTY_NAME="Plan 9"')
      expect.unreachable()
    } catch (error) {
      expect((error as FlotillaError).hint).toMatch(/the host runs Plan 9; supported are Debian, .*Ubuntu 15.04/)
    }
  })
})

describe('listening ports', () => {
  it('are read from the table of the kernel, IPv4 and IPv6, listeners only', () => {
    const table = [
      '  sl  local_address rem_address   st',
      '   0: 00000000:0948 00000000:0000 0A 00000000:00000000',
      '   1: 0100007F:0016 0200007F:0948 01 00000000:00000000',
      '   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A',
    ].join('\n')
    expect(isListening(table, 2376)).toBe(true)
    expect(isListening(table, 8080)).toBe(true)
    expect(isListening(table, 22)).toBe(false)
    expect(isListening('', 2376)).toBe(false)
  })
})

function fakeSsh(answer: (command: string, input: string | undefined) => RemoteResult | Error): Ssh {
  return {
    address: { host: '192.0.2.1', port: 22, user: 'ada' },
    async run(command, o) {
      const result = answer(command, typeof o.input === 'string' ? o.input : undefined)
      if (result instanceof Error) throw result
      return result
    },
    interact: async () => 0,
    close: async () => {},
  }
}

const good: RemoteResult = { code: 0, stdout: '', stderr: '' }

describe('the root shell', () => {
  it('goes through sudo for other users, and says so when it cannot', async () => {
    const commands: string[] = []
    const shell = await openHostShell(
      fakeSsh((command) => {
        commands.push(command)
        return command === 'id -u' ? { ...good, stdout: '1000\n' } : good
      }),
      {},
    )
    await shell.check("echo 'a b'", {})
    expect(commands).toEqual(['id -u', 'sudo -n true', "sudo -n sh -c 'echo '\\''a b'\\'''"])
    const poor = fakeSsh((command) => (command === 'id -u' ? { ...good, stdout: '1000' } : { ...good, code: 1 }))
    await expect(openHostShell(poor, {})).rejects.toThrow(
      'user "ada" on 192.0.2.1 is not root and cannot use sudo without a password',
    )
  })

  it('a failing command has the four lines logs are searched for', async () => {
    const shell = await openHostShell(
      fakeSsh((command) =>
        command === 'id -u' ? { ...good, stdout: '0' } : { code: 3, stdout: 'out\n', stderr: 'bad\n' },
      ),
      {},
    )
    await expect(shell.check('false', {})).rejects.toThrow(
      'ssh command error:\ncommand : false\nerr     : exit status 3\noutput  : out\nbad',
    )
  })

  it('contents of files go over stdin, never through quoting', async () => {
    const seen: (string | undefined)[] = []
    const shell = await openHostShell(
      fakeSsh((command, input) => {
        if (command !== 'id -u') seen.push(command, input)
        return command === 'id -u' ? { ...good, stdout: '0' } : good
      }),
      {},
    )
    await shell.upload({ path: '/etc/docker/a b', content: 'se"cr$et', mode: 0o600 }, {})
    expect(seen[1]).toBe('se"cr$et')
    expect(seen[0]).not.toContain('cr$et')
    expect(seen[0]).toContain("chmod 0600 '/etc/docker/a b.tmp'")
  })
})

describe('waiting for SSH', () => {
  it('goes on while the host comes up, and names the last error when it never does', async () => {
    const clock = manualClock()
    let tries = 0
    const slow = fakeSsh(() => {
      tries += 1
      return tries < 4 ? new FlotillaError('io/ssh', 'Connection refused') : good
    })
    const waiting = waitForSsh(slow, silentLog, clock, {})
    for (let at = 0; at < 5; at += 1) await clock.advance(3000)
    await waiting
    expect(tries).toBe(4)
    const dead = waitForSsh(
      fakeSsh(() => new FlotillaError('io/ssh', 'Connection refused')),
      silentLog,
      clock,
      {},
    )
    const failure = expect(dead).rejects.toThrow(
      'Too many retries waiting for SSH to be available.  Last error: Connection refused',
    )
    for (let at = 0; at < 62; at += 1) await clock.advance(3000)
    await failure
  })

  it('gives up early on a refused key, at once on a changed host key', async () => {
    const clock = manualClock()
    let tries = 0
    const refusing = fakeSsh(() => {
      tries += 1
      return new FlotillaError('io/ssh', 'Permission denied (publickey)')
    })
    const failure = expect(waitForSsh(refusing, silentLog, clock, {})).rejects.toThrow(/Permission denied/)
    for (let at = 0; at < 12; at += 1) await clock.advance(3000)
    await failure
    expect(tries).toBe(10)
    tries = 0
    const silent = fakeSsh(() => {
      tries += 1
      return new FlotillaError('core/deadline', 'ssh did not end within 90000 ms')
    })
    const given = expect(waitForSsh(silent, silentLog, clock, {})).rejects.toThrow(/ssh did not end within 90000 ms/)
    for (let at = 0; at < 12; at += 1) await clock.advance(3000)
    await given
    expect(tries).toBe(5)
    const changed = fakeSsh(() => new FlotillaError('io/ssh', 'the host key has changed since the first contact'))
    await expect(waitForSsh(changed, silentLog, clock, {})).rejects.toThrow(/host key has changed/)
  })
})
