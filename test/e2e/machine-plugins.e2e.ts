import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { openDriverProgram } from '../../src/machine/driver-programs/find.ts'
import { fileStore } from '../../src/machine/store-files.ts'
import { startFakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab, LabSsh } from '../../src/testing/lab/types.ts'
import { testDriver } from '../conformance/driver.ts'
import { goProgram } from './go-programs.ts'
import { ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/** Drivers that are not built in, as the built programs find and use them: Go plug-ins, programs, packages. */

const root = resolve(import.meta.dirname, '..', '..')
const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const folder = mkdtempSync(join(tmpdir(), 'machine-plugins-'))
const plugin = join(folder, 'bin', 'docker-machine-driver-trial')

let engine: FakeEngine
beforeAll(async () => {
  ensurePrograms()
  mkdirSync(join(folder, 'bin'))
  goProgram('go-driver', plugin)
  symlinkSync(join(root, 'examples/driver-hooks/flotilla-driver-hooks'), join(folder, 'bin', 'flotilla-driver-hooks'))
  cpSync(join(root, 'examples/driver-inventory'), join(folder, 'node_modules', 'flotilla-driver-inventory'), {
    recursive: true,
  })
  writeFileSync(join(folder, 'config.json'), '{"plugins": ["flotilla-driver-inventory"]}')
  engine = await startFakeEngine({ name: 'far', id: 'far' })
})
afterAll(async () => {
  await engine.stop()
  rmSync(folder, { recursive: true, force: true })
})

function engineUrl(): string {
  return engine.endpoint.kind === 'tcp' ? `tcp://127.0.0.1:${engine.endpoint.port}` : ''
}

/** Processes of the plug-in that run for a store; those of other stores do not count. */
function countPlugins(): number {
  return Number(spawnSync('pgrep', ['-fc', plugin], { encoding: 'utf8' }).stdout.trim())
}

describe('the driver in docs/drivers.md', async () => {
  const page = readFileSync(join(root, 'docs/drivers.md'), 'utf8')
  const script = /^```sh\n(#!\/bin\/sh\n[\s\S]*?)^```/m.exec(page)?.[1] ?? ''
  const path = join(folder, 'flotilla-driver-fixed')
  writeFileSync(path, script, { mode: 0o755 })
  const program = await openDriverProgram(path, { env: process.env, clock: systemClock })
  afterAll(() => program.close())
  testDriver(program, { options: () => ({ 'fixed-host': '192.0.2.1' }), refused: [], isLive: true, canSwitch: false })
})

describe.each(programForms.map((form, index) => ({ form, index, name: form.name })))('($name)', ({ form, index }) => {
  const store = join(folder, `store ü ${index}`)
  const env = {
    PATH: `${join(folder, 'bin')}:${process.env['PATH']}`,
    MACHINE_STORAGE_PATH: store,
    FLOTILLA_CONFIG: join(folder, 'config.json'),
  }

  function machine(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<RunResult> {
    return form.run('docker-machine', args, { env: { ...env, ...more }, timeoutMs: 120_000 })
  }

  /** A record as docker-machine would have left it. */
  async function remember(name: string, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const files = fileStore(store, systemClock)
    const text = readFileSync(join(root, 'test/fixtures/go-driver/record.json'), 'utf8')
    const record = JSON.parse(text.replaceAll('STORE', store).replaceAll('NAME', name)) as Record<string, unknown>
    mkdirSync(files.pathOf(name), { recursive: true })
    const driver = { ...(record['Driver'] as object), ...more }
    writeFileSync(join(files.pathOf(name), 'config.json'), JSON.stringify({ ...record, Driver: driver }, undefined, 4))
  }

  describe('a docker-machine-driver-NAME', () => {
    it('its flags are on the page of create, between the others', async () => {
      const page = await machine(['create', '--driver', 'trial', '--help'])
      expect(page).toMatchObject({ code: 0, stderr: '' })
      expect(
        page.stdout
          .split('\n')
          .filter((line) => line.includes('trial-'))
          .map((line) => line.trim().replace(/ {2,}/g, '  ')),
      ).toEqual([
        '--trial-count "3"  A number [$TRIAL_COUNT]',
        '--trial-engine  Address of an engine that runs already',
        '--trial-fast  Be quick [$TRIAL_FAST]',
        '--trial-fault  What is to go wrong, STEP:KIND',
        '--trial-ip "127.0.0.1"  Address of a host that is there already',
        '--trial-offset "0"  Another number',
        '--trial-size "small"  Size of the machine [$TRIAL_SIZE]',
        '--trial-ssh-key  Key of that host',
        '--trial-tag [--trial-tag option --trial-tag option]  Tags',
        '--trial-zone [--trial-zone option --trial-zone option]  Zones (default a, b) [$TRIAL_ZONE]',
      ])
      expect(countPlugins()).toBe(0)
    })

    it('errors of its own: wrong flags, a failed check, a creation that leaves a record, its death', async () => {
      const create = (...flags: readonly string[]): Promise<RunResult> =>
        machine(['create', '-d', 'trial', ...flags, 'odd'])
      expect(await create('--trial-count', 'many')).toMatchObject({ code: 1 })
      expect(await create('--trial-size=')).toMatchObject({
        code: 1,
        stderr:
          'Error setting machine configuration from flags provided: trial driver requires the --trial-size option\n',
      })
      expect(await create('--trial-fault', 'precheck:error')).toMatchObject({
        code: 3,
        stderr: 'Error with pre-create check: "no precheck today"\n',
      })
      expect((await machine(['ls', '-q'])).stdout).toBe('')
      const died = await create('--trial-fault', 'create:exit')
      expect(died.code).toBe(1)
      expect(died.stderr).toContain(
        'Error creating machine: Error in driver during machine creation: driver plug-in "docker-machine-driver-trial": it died in the middle of Create: unexpected EOF (exit code 7: about to create)',
      )
      expect(died.stdout).toContain('(odd) create small\n')
      expect(died.stderr).not.toContain('DBG')
      expect(await machine(['rm', '-y', 'odd'])).toMatchObject({ code: 0, stderr: '' })
      expect(countPlugins()).toBe(0)
    })

    it('stored machines are listed, asked, stopped, started and removed; one that is missing hides no other', async () => {
      await remember('t1')
      await remember('t2', { EngineAt: engineUrl(), Zones: ['kept'] })
      writeFileSync(join(store, 'trial-t1.state'), 'Stopped')
      writeFileSync(join(store, 'trial-t2.state'), 'Running')
      const format = ['--format', '{{.Name}} {{.DriverName}} {{.State}} {{.URL}} {{.DockerVersion}}']
      const list = await machine(['ls', ...format])
      expect(list).toMatchObject({ code: 0, stderr: '' })
      expect(list.stdout).toBe(`t1 trial Stopped  Unknown\nt2 trial Running ${engineUrl()} Unknown\n`)
      expect((await machine(['status', 't1'])).stdout).toBe('Stopped\n')
      expect(await machine(['url', 't1'])).toMatchObject({ code: 1, stderr: 'Host is not running\n' })
      expect(await machine(['stop', 't1'])).toMatchObject({ code: 1, stderr: 'Machine "t1" is already stopped.\n' })
      expect(await machine(['stop', 't2'])).toMatchObject({
        code: 0,
        stdout: 'Stopping "t2"...\n(t2) stop large\nMachine "t2" was stopped.\n',
      })
      const debug = await machine(['-D', 'kill', 't2'])
      expect(debug.stderr).toContain('Machine "t2" is already stopped.')
      const record = JSON.parse((await machine(['inspect', 't2'])).stdout) as { readonly Driver: object }
      expect(record.Driver).toMatchObject({ Zones: ['kept'], Size: 'large', Foreign: { deep: [1] } })
      // Nothing to ask it for: the list of names does not need the plug-in, the rest says what is missing.
      const without = { PATH: process.env['PATH'] ?? '' }
      expect((await machine(['ls', '-q'], without)).stdout).toBe('t1\nt2\n')
      expect(
        (await machine(['ls', '--format', '{{.Name}} {{.DriverName}} {{.State}} {{.Error}}'], without)).stdout,
      ).toBe(
        ['t1', 't2']
          .map(
            (name) =>
              `${name} not-found Error Driver "trial" not found. Do you have the plugin binary accessible in your PATH?\n`,
          )
          .join(''),
      )
      expect(await machine(['rm', '-y', 't1', 't2'])).toMatchObject({ code: 0 })
      expect(countPlugins()).toBe(0)
    })

    it.runIf(index === 0)('the plug-in of a program (node) that was killed ends by itself', async () => {
      const child = form.start('docker-machine', ['create', '-d', 'trial', '--trial-fault', 'create:hang', 'killed'], {
        env,
      })
      await expect.poll(() => readState('killed'), { timeout: 60_000 }).toBe('hanging')
      child.kill('SIGKILL')
      await expect.poll(countPlugins, { timeout: 30_000, interval: 500 }).toBe(0)
      expect(await machine(['rm', '-y', 'killed'])).toMatchObject({ code: 0 })
    })

    it('Ctrl-C in the middle of a creation keeps what was made for rm', async () => {
      const child = form.start('docker-machine', ['create', '-d', 'trial', '--trial-fault', 'create:hang', 'cut'], {
        env,
      })
      let output = ''
      child.stdout.on('data', (text: Buffer) => (output += text.toString()))
      const ended = new Promise<number | null>((done) => void child.once('exit', done))
      await expect.poll(() => readState('cut'), { timeout: 60_000 }).toBe('hanging')
      child.kill('SIGINT')
      expect(await ended).toBe(130)
      expect(output).toContain('Cancelled; still there: whatever driver "trial" had made')
      const record = JSON.parse((await machine(['inspect', 'cut'])).stdout) as { readonly Driver: object }
      expect(record.Driver).toMatchObject({ Note: 'half made', Serial: expect.any(Number) })
      expect(countPlugins()).toBe(0)
      expect(await machine(['rm', '-y', 'cut'])).toMatchObject({ code: 0 })
    })
  })

  function readState(name: string): string {
    return spawnSync('cat', [join(store, `trial-${name}.state`)], { encoding: 'utf8' }).stdout
  }

  it('a flotilla-driver-NAME makes, switches and removes a machine', async () => {
    const file = join(folder, `hooks-${index}`)
    const flags = {
      '--hooks-create': `echo wiring up >&2; echo Running >'${file}'`,
      '--hooks-stop': `echo Stopped >'${file}'`,
      '--hooks-remove': `rm '${file}'`,
      '--hooks-state': `cat '${file}'`,
      '--hooks-url': engineUrl(),
    }
    const page = await machine(['create', '-d', 'hooks', '--help'])
    expect(page.stdout).toContain('[$HOOKS_SSH_USER]')
    expect(await machine(['create', '-d', 'hooks', 'h1'])).toMatchObject({
      code: 1,
      stderr:
        'Error setting machine configuration from flags provided: hooks driver requires the --hooks-state option\n',
    })
    const words = Object.entries(flags).flat()
    const made = await machine(['create', '-d', 'hooks', ...words, 'h1'], { HOOKS_START: `echo Running >'${file}'` })
    expect(made).toMatchObject({ code: 0, stderr: '' })
    expect(made.stdout).toContain('Creating machine...\n(h1) wiring up\n')
    expect((await machine(['url', 'h1'])).stdout).toBe(`${engineUrl()}\n`)
    expect(await machine(['stop', 'h1'])).toMatchObject({ code: 0 })
    expect((await machine(['status', 'h1'])).stdout).toBe('Stopped\n')
    expect(await machine(['url', 'h1'])).toMatchObject({ code: 1, stderr: 'Host is not running\n' })
    expect(await machine(['rm', '-y', 'h1'])).toMatchObject({ code: 0 })
    expect(readFile(file)).toBe('')
  })

  function readFile(file: string): string {
    return spawnSync('cat', [file], { encoding: 'utf8' }).stdout
  }

  it('a driver of a package remembers engines that a file lists', async () => {
    const file = join(folder, 'engines.json')
    writeFileSync(file, JSON.stringify({ listed: engineUrl() }))
    const made = await machine(['create', '-d', 'inventory', '--inventory-file', file, 'listed'])
    expect(made).toMatchObject({ code: 0, stderr: '' })
    expect((await machine(['ip', 'listed'])).stdout).toBe('127.0.0.1\n')
    expect(await machine(['create', '-d', 'inventory', 'other'], { INVENTORY_FILE: file })).toMatchObject({
      code: 1,
      stderr: `Error setting machine configuration from flags provided: the inventory "${file}" has no engine "other"\n`,
    })
    expect(await machine(['rm', '-y', 'listed'])).toMatchObject({ code: 0 })
  })
})

describe.runIf(isRoot)('a real host that a Go plug-in made known (needs root on Linux)', () => {
  let running: Lab
  let login: LabSsh
  const form = programForms[0]!

  beforeAll(async () => {
    running = await lab({ hosts: 1 })
    login = await running.hosts[0]!.sshd()
  })
  afterAll(() => running.down())

  it('gets an engine with TLS over SSH, and every command works on it', async () => {
    const env = { PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, MACHINE_STORAGE_PATH: join(folder, 'real') }
    const machine = (...args: readonly string[]): Promise<RunResult> =>
      form.run('docker-machine', args, { env, timeoutMs: 120_000 })
    const where = ['--trial-ip', login.host, '--trial-ssh-key', login.keyPath]
    const made = await machine('create', '-d', 'trial', ...where, '--engine-label', 'a=b', 'real')
    expect(made, made.stdout).toMatchObject({ code: 0, stderr: '' })
    expect(made.stdout).toContain('(real) create small\nWaiting for machine to be running')
    expect(made.stdout).toContain('Docker is up and running!\n')
    const shell = await machine('env', 'real')
    const script = `${shell.stdout}\ndocker info --format '{{json .Labels}}'`
    const docker = spawnSync('sh', ['-c', script], { encoding: 'utf8', env: { PATH: process.env['PATH'] } })
    expect(docker.stderr).toBe('')
    // An engine keeps its labels in a map: their order changes from start to start.
    expect((JSON.parse(docker.stdout) as string[]).toSorted()).toEqual(['a=b', 'provider=trial'])
    expect(await machine('ssh', 'real', 'exit 7')).toMatchObject({ code: 7 })
    const rows = await machine('ls', '--format', '{{.Name}} {{.DriverName}} {{.State}} {{.URL}} {{.Error}}')
    expect(rows.stdout).toBe(`real trial Running tcp://${login.host}:2376 \n`)
    expect(await machine('restart', 'real')).toMatchObject({ code: 0, stderr: '' })
    expect(await machine('rm', '-y', 'real')).toMatchObject({ code: 0, stderr: '' })
  })
})
