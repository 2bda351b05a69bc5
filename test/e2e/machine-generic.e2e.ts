import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab, LabHost, LabSsh } from '../../src/testing/lab/types.ts'
import { ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/** A host without an init system, reached over a real sshd, adopted, used and let go by the built program. */

/** Steps of provisioning at which the program is killed. */
const stepsOnHost = ['machine.afterInstall', 'machine.afterUpload', 'machine.afterConfigure', 'machine.afterStart']
const isRoot = process.getuid?.() === 0 && process.platform === 'linux'

describe.runIf(isRoot)('driver generic over SSH (needs root on Linux)', () => {
  let running: Lab
  const logins: LabSsh[] = []
  let folder: string

  beforeAll(async () => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-generic-'))
    running = await lab({ hosts: programForms.length })
    for (const host of running.hosts) logins.push(await host.sshd())
  })

  afterAll(async () => {
    await running.down()
    rmSync(folder, { recursive: true, force: true })
  })

  describe.each(programForms.map((form, index) => ({ form, index, name: form.name })))('($name)', ({ form, index }) => {
    // Blanks, signs that ssh expands, and letters beyond ASCII in the path.
    const store = (): string => join(folder, `store %h ü-${index}`)
    const host = (): LabHost => running.hosts[index]!
    const login = (): LabSsh => logins[index]!
    // One form logs in with the ssh program, the other with the built-in client.
    const globals = index === 0 ? [] : ['--native-ssh']

    function machine(args: readonly string[], env: Record<string, string> = {}): Promise<RunResult> {
      return form.run('docker-machine', [...globals, ...args], {
        env: { MACHINE_STORAGE_PATH: store(), ...env },
        timeoutMs: 120_000,
      })
    }

    function createArgs(name: string, more: readonly string[] = []): readonly string[] {
      const where = ['--generic-ip-address', login().host, '--generic-ssh-key', login().keyPath]
      return ['create', '--driver', 'generic', ...where, ...more, name]
    }

    it('names the supported systems when it does not know the one it finds, and leaves a record that rm removes', async () => {
      await host().exec([
        'sh',
        '-c',
        'cp /etc/os-release /tmp/kept; rm -f /etc/os-release; echo ID=plan9 > /etc/os-release; echo PRETTY_NAME=Plan9=4 >> /etc/os-release',
      ])
      const result = await machine(createArgs('odd'))
      await host().exec(['sh', '-c', 'cp /tmp/kept /etc/os-release'])
      expect(result.code).toBe(1)
      expect(result.stderr).toContain(
        'Error creating machine: Error running provisioning: Error detecting OS: OS type not recognized',
      )
      expect(result.stderr).toMatch(/the host runs Plan9=4; supported are .*Debian.*Ubuntu/)
      expect(result.stderr).toContain('"docker-machine rm odd" removes it')
      expect((await machine(['rm', '-y', 'odd'])).code).toBe(0)
      expect((await machine(['ls', '-q'])).stdout).toBe('')
    })

    // The steps are the same in both forms of the program: one of them is enough.
    it.each(index === 0 ? stepsOnHost : [])(
      'killed at %s it leaves a host that provision finishes, and a record that rm removes',
      async (point) => {
        // The ssh program would outlive it for a while, and hold its output open.
        const killed = await machine(['--native-ssh', ...createArgs('cut')], { FLOTILLA_FAILPOINTS: `${point}=kill` })
        expect(killed.signal, killed.stderr).toBe('SIGKILL')
        const list = await machine(['ls', '--format', '{{.Name}} {{.Error}}'])
        expect(list.stdout).toContain('cut its creation did not finish')
        expect(await machine(['provision', 'cut'])).toMatchObject({ code: 0, stderr: '' })
        expect(await machine(['config', 'cut'])).toMatchObject({ code: 0, stderr: '' })
        expect(await machine(['rm', '-y', 'cut'])).toMatchObject({ code: 0, stderr: '' })
        // One engine, one supervisor, no half-written file.
        const left = await host().exec(['sh', '-c', 'pgrep -c dockerd; ls /etc/docker | grep -c tmp'])
        expect(left.stdout).toBe('1\n0\n')
      },
    )

    it('refuses a key that others can read, without waiting', async () => {
      const key = join(folder, `open-key-${index}`)
      cpSync(login().keyPath, key)
      chmodSync(key, 0o644)
      const result = await machine([
        'create',
        '-d',
        'generic',
        '--generic-ip-address',
        login().host,
        '--generic-ssh-key',
        join(folder, 'missing'),
        'x',
      ])
      expect(result).toMatchObject({ code: 3 })
      expect(result.stderr).toContain(
        `Error with pre-create check: "SSH key does not exist: \\"${join(folder, 'missing')}\\""`,
      )
      expect(existsSync(join(store(), 'machines', 'x'))).toBe(false)
    })

    it('adopts the host: certificates, engine options, TLS on the port, all with the lines scripts know', async () => {
      const result = await machine(
        createArgs('web', [
          '--engine-label',
          'rack=r 1',
          '--engine-env',
          'NOTE=b ar $x "q"',
          '--engine-opt',
          'bip=10.77.0.1/24',
          '--tls-san',
          'web.example',
        ]),
      )
      expect(result.stderr).toBe('')
      expect(result.code).toBe(0)
      expect(result.stdout.split('\n').filter((line) => !/^Creating (?:CA|client)/.test(line))).toEqual([
        'Running pre-create checks...',
        'Creating machine...',
        '(web) Importing SSH key...',
        'Waiting for machine to be running, this may take a few minutes...',
        'Detecting operating system of created instance...',
        'Waiting for SSH to be available...',
        'Detecting the provisioner...',
        'Provisioning with debian...',
        'Copying certs to the local machine directory...',
        'Copying certs to the remote machine...',
        'Setting Docker configuration on the remote daemon...',
        'Checking connection to Docker...',
        'Docker is up and running!',
        'To see how to connect your Docker Client to the Docker Engine running on this virtual machine, run: docker-machine env web',
        '',
      ])
      const environ = await host().exec([
        'sh',
        '-c',
        "tr '\\0' '\\n' < /proc/$(cat /run/docker.pid)/environ | grep ^NOTE=",
      ])
      expect(environ.stdout).toBe('NOTE=b ar $x "q"\n')
      const mode = await host().exec(['stat', '-c', '%a %n', '/etc/docker/server-key.pem', '/etc/docker/ca.pem'])
      expect(mode.stdout).toBe('600 /etc/docker/server-key.pem\n644 /etc/docker/ca.pem\n')
      expect((await host().exec(['ls', '/etc/docker'])).stdout).not.toContain('ca-key')
      expect(readFileSync(join(store(), 'machines/web/known_hosts'), 'utf8')).toContain(login().host)
    })

    it('env makes the real docker CLI talk to it', async () => {
      const env = await machine(['env', 'web'])
      expect(env.stderr).toBe('')
      const script = `${env.stdout}\ndocker info --format '{{json .Labels}}\n{{.ServerVersion}}'`
      const docker = spawnSync('sh', ['-c', script], { encoding: 'utf8', env: { PATH: process.env['PATH'] } })
      expect(docker.stderr).toBe('')
      const [labels = '', version] = docker.stdout.split('\n')
      // An engine keeps its labels in a map: their order changes from start to start.
      expect((JSON.parse(labels) as string[]).toSorted()).toEqual(['provider=generic', 'rack=r 1'])
      expect(version).toMatch(/^\d+/)
      const url = `tcp://${login().host}:2376`
      expect((await machine(['active'], { DOCKER_HOST: url })).stdout).toBe('web\n')
      expect((await machine(['url', 'web'])).stdout).toBe(`${url}\n`)
      expect((await machine(['ip', 'web'])).stdout).toBe(`${login().host}\n`)
      expect((await machine(['version', 'web'])).stdout).toMatch(/^\d+\.\d+\.\d+/)
      const list = await machine(
        ['ls', '--format', '{{.Name}} {{.Active}} {{.DriverName}} {{.State}} {{.URL}} {{.Error}}'],
        { DOCKER_HOST: url },
      )
      expect(list.stdout).toBe(`web * generic Running ${url} \n`)
    })

    it('ssh runs commands and ends with their exit code', async () => {
      expect(await machine(['ssh', 'web', 'echo', 'over', 'there'])).toMatchObject({ code: 0, stdout: 'over there\n' })
      expect(await machine(['ssh', 'web', 'exit 7'])).toMatchObject({ code: 7 })
    })

    it('stop, start and kill are refused, regenerate-certs keeps the engine working', async () => {
      expect(await machine(['stop', 'web'])).toMatchObject({
        code: 1,
        stderr: 'generic driver does not support stop\n',
      })
      expect(await machine(['start', 'web'])).toMatchObject({ code: 1, stderr: 'Machine "web" is already running.\n' })
      const before = readFileSync(join(store(), 'machines/web/server.pem'), 'utf8')
      const result = await machine(['regenerate-certs', '-f', 'web'])
      expect(result.stderr).toBe('')
      expect(readFileSync(join(store(), 'machines/web/server.pem'), 'utf8')).not.toBe(before)
      expect(await machine(['config', 'web'])).toMatchObject({ code: 0, stderr: '' })
    })

    it('the supervisor brings a crashed engine back', async () => {
      await host().exec(['sh', '-c', 'kill -9 $(cat /run/docker.pid)'])
      await expect.poll(async () => (await machine(['config', 'web'])).code, { timeout: 60_000, interval: 500 }).toBe(0)
    })

    it('a host that changes its key is not logged in to', async () => {
      await host().exec(['sh', '-c', 'kill $(cat /run/sshd.pid); rm -f /etc/flotilla-sshd/host_key*'])
      await host().sshd()
      const result = await machine(['ssh', 'web', 'true'])
      expect(result.code).not.toBe(0)
      expect(result.stderr).toMatch(/IDENTIFICATION HAS CHANGED|host key has changed since the first contact/)
      const provision = await machine(['provision', 'web'])
      expect(provision.code).toBe(1)
      expect(provision.stderr).toContain('the host key has changed since the first contact')
    })

    it('rm forgets the machine and leaves the host alone', async () => {
      expect(await machine(['rm', '-y', 'web'])).toMatchObject({ code: 0, stderr: '' })
      expect(existsSync(join(store(), 'machines/web'))).toBe(false)
      expect((await host().exec(['sh', '-c', 'kill -0 $(cat /run/docker.pid)'])).code).toBe(0)
    })
  })
})
