import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '../../src/core/log.ts'
import { readCertificate } from '../../src/io/certificates.ts'
import { systemClock } from '../../src/io/clock.ts'
import { bootstrapCertificates, issueServerCertificate } from '../../src/machine/certs.ts'
import { fileStore } from '../../src/machine/store-files.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { collect, ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/** Machines of driver `local` through the built program, used with the real docker CLI. */

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'

describe.runIf(isRoot)('driver local (needs root on Linux)', () => {
  let folder: string
  beforeAll(() => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-local-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  describe.each(programForms.map((form, index) => ({ form, index, name: form.name })))('($name)', ({ form, index }) => {
    const store = (): string => join(folder, `store-${index}`)
    const env = (): Record<string, string> => ({
      MACHINE_STORAGE_PATH: store(),
      FLOTILLA_LOCAL_DIR: join(folder, `local-${index}`),
      FLOTILLA_LOCAL_SUBNET: `10.214.${20 + index}.0/24`,
    })

    function machine(args: readonly string[], more: Record<string, string> = {}): Promise<RunResult> {
      return form.run('docker-machine', args, { env: { ...env(), ...more }, timeoutMs: 120_000 })
    }

    function evaluate(script: string, command: string): ReturnType<typeof spawnSync> {
      return spawnSync('sh', ['-c', `${script}\n${command}`], { encoding: 'utf8', env: { PATH: process.env['PATH'] } })
    }

    afterAll(async () => {
      const { stdout } = await machine(['ls', '-q'])
      const names = stdout.split('\n').filter(Boolean)
      if (names.length > 0) await machine(['rm', '-f', ...names])
      expect(existsSync(join(folder, `local-${index}`))).toBe(false)
    })

    it('create gives an engine that answers over TLS, and env points the docker CLI at it', async () => {
      // The PATH that cron gives to its jobs, and the folder of Node.
      const PATH = `/usr/bin:/bin:${dirname(process.execPath)}`
      const created = await machine(['create', '-d', 'local', '--engine-label', 'a=b', 'one'], { PATH })
      expect(created).toMatchObject({ code: 0, stderr: '' })
      expect(created.stdout).toContain('Docker is up and running!\n')
      const shown = await machine(['env', 'one'])
      const url = /DOCKER_HOST="([^"]+)"/.exec(shown.stdout)?.[1] ?? ''
      expect(shown).toEqual({
        code: 0,
        signal: null,
        stderr: '',
        stdout: [
          'export DOCKER_TLS_VERIFY="1"',
          `export DOCKER_HOST="${url}"`,
          `export DOCKER_CERT_PATH="${store()}/machines/one"`,
          'export DOCKER_MACHINE_NAME="one"',
          '# Run this command to configure your shell: ',
          '# eval $(docker-machine env one)',
          '',
        ].join('\n'),
      })
      const docker = evaluate(shown.stdout, "docker info --format '{{.Name}} {{json .Labels}}'")
      expect(docker).toMatchObject({ status: 0 })
      // Engines before 23 list their labels in no particular order.
      const [name, labels = ''] = String(docker.stdout).trim().split(' ')
      expect([name, ...(JSON.parse(labels) as string[]).sort()]).toEqual(['one', 'a=b', 'provider=local'])
      const config = (await machine(['config', 'one'])).stdout.replaceAll('\n', ' ')
      expect(evaluate('', `docker ${config} ps -q`)).toMatchObject({ status: 0, stdout: '' })
      const list = await machine(['ls'], { DOCKER_HOST: url })
      expect(list.stdout).toMatch(
        /^NAME {3}ACTIVE {3}DRIVER {3}STATE {5}URL {2,}SWARM {3}DOCKER {2,}ERRORS\none {4}\* {8}local {4}Running {3}tcp:\S+ {11}v\d\S+ {3}\n$/,
      )
    })

    it('a second create of the name leaves the first alone', async () => {
      const before = readFileSync(join(store(), 'machines/one/config.json'))
      const again = await machine(['create', '-d', 'local', 'one'])
      expect(again).toMatchObject({ code: 1, stderr: 'Docker machine "one" already exists\n' })
      expect(readFileSync(join(store(), 'machines/one/config.json'))).toEqual(before)
      expect((await machine(['status', 'one'])).stdout).toBe('Running\n')
    })

    it('env and config say what is wrong with certificates that do not fit', async () => {
      const other = join(folder, `other-${index}`)
      await machine(['-s', other, 'create', '-d', 'none', '--url', 'tcp://h:1', 'x'])
      const certs = join(store(), 'certs')
      cpSync(certs, `${certs}.kept`, { recursive: true })
      for (const name of ['cert.pem', 'key.pem']) cpSync(join(other, 'certs', name), join(certs, name))
      const stranger = await machine(['env', 'one'])
      expect(stranger).toMatchObject({ code: 1, stdout: '' })
      expect(stranger.stderr).toMatch(
        /^Error checking TLS connection: Error checking and\/or regenerating the certs: There was an error validating certificates for host "10\.214\.\d+\.\d+:2376": remote error: tls: bad certificate\nYou can attempt to regenerate them using 'docker-machine regenerate-certs \[name\]'\.\nBe advised that this will trigger a Docker daemon restart which might stop running containers\.\n\n$/,
      )
      cpSync(join(other, 'certs/ca.pem'), join(certs, 'ca.pem'))
      expect((await machine(['config', 'one'])).stderr).toContain(
        'Error running connection boilerplate: Error checking and/or regenerating the certs: There was an error validating certificates for host',
      )
      rmSync(join(certs, 'ca.pem'))
      expect((await machine(['config', 'one'])).stderr).toContain(`open ${certs}/ca.pem: no such file or directory`)
      rmSync(certs, { recursive: true })
      cpSync(`${certs}.kept`, certs, { recursive: true })
      expect((await machine(['config', 'one'])).code).toBe(0)
    })

    it('ssh opens a shell in the host and ends with the exit code of the command', async () => {
      expect(await machine(['ssh', 'one', 'hostname'])).toMatchObject({ code: 0, stdout: 'one\n' })
      expect(await machine(['ssh', 'one', 'exit 9'])).toMatchObject({ code: 9 })
    })

    it('stop, start, kill and restart move it, with the texts and exit codes of docker-machine', async () => {
      expect(await machine(['stop', 'one'])).toMatchObject({
        code: 0,
        stdout: 'Stopping "one"...\nMachine "one" was stopped.\n',
      })
      expect(await machine(['stop', 'one'])).toMatchObject({ code: 1, stderr: 'Machine "one" is already stopped.\n' })
      expect(await machine(['status', 'one'])).toMatchObject({ code: 0, stdout: 'Stopped\n' })
      expect(await machine(['url', 'one'])).toMatchObject({ code: 1, stderr: 'Host is not running\n' })
      expect(await machine(['env', 'one'])).toMatchObject({
        code: 1,
        stderr: 'Error checking TLS connection: Host is not running\n',
      })
      expect(await machine(['ssh', 'one', 'true'])).toMatchObject({
        code: 1,
        stderr: 'Error: Cannot run SSH command: Host "one" is not running\n',
      })
      expect(await machine(['start', 'one'])).toMatchObject({
        code: 0,
        stdout:
          'Starting "one"...\nMachine "one" was started.\nStarted machines may have new IP addresses. You may need to re-run the `docker-machine env` command.\n',
      })
      expect(await machine(['kill', 'one'])).toMatchObject({
        code: 0,
        stdout: 'Killing "one"...\nMachine "one" was killed.\n',
      })
      expect((await machine(['restart', 'one'])).code).toBe(0)
      expect((await machine(['restart', 'one'])).code).toBe(0)
      expect((await machine(['provision', 'one'])).code).toBe(0)
      expect((await machine(['config', 'one'])).code).toBe(0)
    })

    it('certificates about to expire are renewed: the client pair by env, the engine by restart', async () => {
      const root = store()
      const path = (file: string): string => join(root, 'machines/one', file)
      const host = await fileStore(root, systemClock).load('one')
      const log = silentLog
      const clock = manualClock(Date.now() - 380 * 86_400_000)
      const old = { clock, log, user: 'ada', keyKind: 'ecdsa' } as const
      const { AuthOptions: auth } = host.options
      for (const file of [auth.ClientCertPath, auth.ClientKeyPath]) rmSync(file)
      await bootstrapCertificates(auth, old, {})
      const ip = (await machine(['ip', 'one'])).stdout.trim()
      await issueServerCertificate(host, ip, join(root, 'machines/one'), old)
      const daysLeft = (file: string): number =>
        Math.floor((readCertificate(readFileSync(file, 'utf8')).notAfterMs - Date.now()) / 86_400_000)
      expect([daysLeft(path('cert.pem')), daysLeft(path('server.pem'))]).toEqual([16, 16])
      const shown = await machine(['env', 'one'])
      expect(shown).toMatchObject({ code: 0 })
      expect(shown.stderr).toBe(
        `Client certificate is outdated and needs to be regenerated\nCreating client certificate: ${auth.ClientCertPath}\ncertificate expires in 16 days, renew it with "docker-machine regenerate-certs one"\n`,
      )
      expect(daysLeft(path('cert.pem'))).toBe(396)
      expect(evaluate(shown.stdout, 'docker ps -q')).toMatchObject({ status: 0 })
      const restarted = await machine(['restart', 'one'])
      expect(restarted).toMatchObject({ code: 0, stderr: '' })
      expect(restarted.stdout).toContain('Renewing the certificate of "one": it expires in 16 days\n')
      expect(daysLeft(path('server.pem'))).toBe(396)
      expect(await machine(['env', 'one'])).toMatchObject({ code: 0, stderr: '' })
    })

    it('create, inspect and rm of several at once: one authority, each its own engine, nothing left', async () => {
      rmSync(join(store(), 'certs'), { recursive: true, force: true })
      const names = ['p1', 'p2', 'p3']
      const results = await Promise.all(names.map((name) => machine(['create', '-d', 'local', name])))
      expect(results.map((result) => `${result.code}${result.stderr}`)).toEqual(['0', '0', '0'])
      expect(results.filter((result) => result.stdout.includes('Creating CA: '))).toHaveLength(1)
      for (const name of names) expect((await machine(['config', name])).code, name).toBe(0)
      const urls = await Promise.all(names.map(async (name) => (await machine(['url', name])).stdout))
      expect(new Set(urls).size).toBe(3)
      expect(await machine(['rm', '-y', ...names])).toMatchObject({ code: 0 })
      expect((await machine(['ls', '-q'])).stdout).toBe('one\n')
    })

    it('of several creates of one name at once exactly one wins', async () => {
      const results = await Promise.all([1, 2, 3].map(() => machine(['create', '-d', 'local', 'same'])))
      expect(results.filter((result) => result.code === 0)).toHaveLength(1)
      for (const result of results.filter((entry) => entry.code === 1)) {
        expect(result.stderr).toContain('Docker machine "same" already exists')
      }
      expect((await machine(['config', 'same'])).code).toBe(0)
      expect((await machine(['rm', '-y', 'same'])).code).toBe(0)
    })

    it('Ctrl-C in create leaves a record from which rm takes everything away', async () => {
      const child = form.start('docker-machine', ['create', '-d', 'local', 'broken'], { env: env() })
      const ended = collect(child, 60_000)
      await new Promise<void>((resolve) => {
        child.stdout.on('data', (text: string) => {
          if (text.includes('Starting host')) resolve()
        })
      })
      child.kill('SIGINT')
      expect((await ended).code).toBe(130)
      expect((await machine(['ls', '-q'])).stdout).toBe('broken\none\n')
      expect(readdirSync(join(store(), 'locks'))).toEqual([])
      expect(await machine(['rm', '-y', 'broken'])).toMatchObject({ code: 0, stderr: '' })
      expect((await machine(['ls', '-q'])).stdout).toBe('one\n')
    })

    it('a create that is killed leaves a record too, and its lock holds nobody up', async () => {
      const child = form.start('docker-machine', ['create', '-d', 'local', 'shot'], { env: env() })
      const ended = collect(child, 60_000)
      await new Promise<void>((resolve) => {
        child.stdout.on('data', (text: string) => {
          if (text.includes('Starting host')) resolve()
        })
      })
      child.kill('SIGKILL')
      await ended
      expect((await machine(['ls', '-q'])).stdout).toBe('one\nshot\n')
      expect(await machine(['rm', '-y', 'shot'])).toMatchObject({ code: 0, stderr: '' })
    })
  })
})
