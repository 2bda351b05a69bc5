import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collect, ensurePrograms, programForms } from './programs.ts'
import type { ProgramName } from './programs.ts'

const root = resolve(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'flotilla-cli-'))

beforeAll(ensurePrograms)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const programs: readonly ProgramName[] = ['flotilla', 'docker-machine', 'docker-compose', 'swarm']

describe.each(programForms)('programs as $name', (form) => {
  it.each([
    ['flotilla', /^flotilla version 0\.1\.0, build \S+\n$/],
    ['docker-machine', /^docker-machine version 0\.16\.2, build flotilla-0\.1\.0\n$/],
    ['docker-compose', /^Docker Compose version v2\.40\.3\n$/],
    ['swarm', /^swarm version 1\.2\.9 \(flotilla-0\.1\.0\)\n$/],
  ] as const)('%s --version', async (program, expected) => {
    const result = await form.run(program, ['--version'])
    expect(result).toEqual({ code: 0, signal: null, stdout: expect.stringMatching(expected) as string, stderr: '' })
  })

  it('docker-compose version has the forms scripts read', async () => {
    const lines = [['version'], ['version', '--short'], ['version', '-f', 'json'], ['-v']]
    const results = await Promise.all(lines.map((line) => form.run('docker-compose', line)))
    expect(results.map((result) => result.stdout)).toEqual([
      'Docker Compose version v2.40.3\n',
      '2.40.3\n',
      '{"version":"v2.40.3"}\n',
      'Docker Compose version v2.40.3\n',
    ])
  })

  it.each(programs)('%s without a command, with --help and with help prints the same page', async (program) => {
    const [bare, flag, word] = await Promise.all([
      form.run(program, []),
      form.run(program, ['--help']),
      form.run(program, ['help']),
    ])
    expect(bare).toEqual({
      code: 0,
      signal: null,
      stdout: expect.stringMatching(/^\n?Usage: +docker|^\n?Usage: +(?:flotilla|swarm)/) as string,
      stderr: '',
    })
    expect(flag).toEqual(bare)
    expect(word).toEqual(bare)
  })

  it('every command of every program has a help page', async () => {
    for (const program of programs) {
      const { stdout } = await form.run(program, ['__complete', ''])
      const commands = stdout
        .split('\n')
        .filter((line) => line.includes('\t'))
        .map((line) => line.split('\t')[0] ?? '')
      expect(commands.length, program).toBeGreaterThan(1)
      for (const command of commands) {
        const help = await form.run(program, command === 'help' ? ['--help'] : [command, '--help'])
        expect({ code: help.code, stderr: help.stderr }, `${program} ${command}`).toEqual({ code: 0, stderr: '' })
        expect(help.stdout, `${program} ${command}`).toContain('Usage:')
      }
    }
  })

  it('an unknown flag has the ancestor’s text, channel and exit code', async () => {
    expect(await form.run('docker-machine', ['ls', '--nope'])).toEqual({
      code: 1,
      signal: null,
      stdout: expect.stringMatching(/^Incorrect Usage\.\n\nUsage: docker-machine ls /) as string,
      stderr: 'flag provided but not defined: -nope\n',
    })
    expect(await form.run('swarm', ['list', '-nope'])).toMatchObject({
      code: 1,
      stderr: 'flag provided but not defined: -nope\n',
    })
    expect(await form.run('docker-compose', ['ps', '--nope'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^unknown flag: --nope\n\nUsage: {2}docker compose ps .*\n\nRun 'docker compose ps --help' for more information\n$/,
      ) as string,
    })
    expect(await form.run('flotilla', ['version', '--nope'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^flotilla: unknown flag: --nope\n/) as string,
    })
  })

  it.runIf(process.platform !== 'win32')('SIGUSR1 ends it and opens no debugger (needs POSIX signals)', async () => {
    const child = form.start('docker-compose', ['-f', '-', 'config'])
    const ended = collect(child, 60_000)
    child.stdin.on('error', () => {})
    // It reads its input, and so it runs.
    await new Promise<void>((resolve) => {
      child.stdin.write(' '.repeat(1_000_000), () => resolve())
    })
    child.kill('SIGUSR1')
    expect(await ended).toEqual({ code: 138, signal: null, stdout: '', stderr: '' })
  })

  it('an unknown command has the ancestor’s text, channel and exit code', async () => {
    expect(await form.run('docker-machine', ['xyz'])).toEqual({
      code: 1,
      signal: null,
      stdout: '',
      stderr: "docker-machine: 'xyz' is not a docker-machine command. See 'docker-machine --help'.\n",
    })
    expect(await form.run('swarm', ['xyz'])).toEqual({
      code: 0,
      signal: null,
      stdout: "No help topic for 'xyz'\n",
      stderr: '',
    })
    expect(await form.run('docker-compose', ['xyz'])).toMatchObject({
      code: 1,
      stderr: 'unknown docker command: "compose xyz"\n',
    })
    expect(await form.run('flotilla', ['versoin'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `flotilla: "versoin" is not a command, see 'flotilla --help'\nhint: did you mean "version"?\n`,
    })
  })

  it('the three jobs are groups of flotilla with their own flags', async () => {
    const store = join(folder, 'store')
    expect(await form.run('flotilla', ['machine', '--storage-path', store, 'ls', '-q'])).toEqual({
      code: 0,
      signal: null,
      stdout: '',
      stderr: '',
    })
    expect((await form.run('flotilla', ['compose', 'up', '--help'])).stdout).toMatch(/Usage: {2}flotilla compose up /)
    expect((await form.run('flotilla', ['help', 'swarm', 'manage'])).stdout).toMatch(/Usage: {2}flotilla swarm manage /)
  })

  it('a hostile command line ends in one clean line, whatever the program', async () => {
    const long = 'x'.repeat(100_000)
    for (const program of programs) {
      for (const args of [
        ['__proto__'],
        ['constructor', '--help'],
        [`--${long}`],
        [long],
        ['--='],
        ['\u001b[2J'],
        ['ls', '-'],
      ]) {
        const result = await form.run(program, args)
        expect(result.signal).toBeNull()
        expect(result.stderr).not.toMatch(/\n +at /)
        expect(result.stdout + result.stderr).not.toContain('\u001b')
      }
    }
  })

  it('a reader that goes away ends the program quietly', async () => {
    const [file, ...leading] = form.command('flotilla')
    const line = `"$@" help | true; echo "\${PIPESTATUS[0]}"`
    const result = spawnSync('bash', ['-c', line, 'bash', file, ...leading], { encoding: 'utf8' })
    expect(result.stderr).toBe('')
    expect(['0\n', '141\n']).toContain(result.stdout)
  })

  it('Ctrl-C at a question ends the program with 130 and no word', async () => {
    const env = { MACHINE_STORAGE_PATH: join(folder, `store-${form.name}`) }
    const made = await form.run('docker-machine', ['create', '--driver', 'none', '--url', 'tcp://127.0.0.1:1', 'm1'], {
      env,
    })
    expect(made, made.stderr).toMatchObject({ code: 0 })
    const child = form.start('docker-machine', ['rm', 'm1'], { env })
    let asked = ''
    child.stdout.on('data', (piece: Buffer) => {
      asked += piece.toString()
      if (asked.includes('Are you sure?')) child.kill('SIGINT')
    })
    const result = await collect(child, 20_000)
    expect({ code: result.code, signal: result.signal, stderr: result.stderr }).toEqual({
      code: 130,
      signal: null,
      stderr: '',
    })
    expect((await form.run('docker-machine', ['ls', '-q'], { env })).stdout).toBe('m1\n')
  })
})

describe('the npm package', () => {
  it('works from its tarball in an empty folder, without install scripts and without dependencies', async () => {
    const place = join(folder, 'package')
    const packed = spawnSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(packed.status, packed.stderr).toBe(0)
    const tarball = join(folder, packed.stdout.trim().split('\n').at(-1) ?? '')
    const installed = spawnSync(
      'npm',
      ['install', '--silent', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', place, tarball],
      { encoding: 'utf8', cwd: folder },
    )
    expect(installed.status, installed.stderr + installed.stdout).toBe(0)
    for (const program of programs) {
      const result = spawnSync(join(place, 'node_modules', '.bin', program), ['--version'], {
        encoding: 'utf8',
        cwd: folder,
      })
      expect({ status: result.status, stderr: result.stderr }, program).toEqual({ status: 0, stderr: '' })
      expect(result.stdout).toContain('version')
    }
    // Node would take this flag for itself: its own error, its own grammar of the file.
    writeFileSync(join(folder, 'values.env'), 'ONE=1\nTWO="a${ONE}b"\n')
    writeFileSync(join(folder, 'compose.yaml'), 'services: {web: {image: "i:$TWO"}}\n')
    for (const words of [['docker-compose'], ['flotilla', 'compose']] as const) {
      const [program, ...rest] = words
      const start = (file: string) =>
        spawnSync(
          join(place, 'node_modules', '.bin', program),
          [...rest, '--env-file', file, '-f', join(folder, 'compose.yaml'), 'config', '--images'],
          { encoding: 'utf8', cwd: folder },
        )
      expect(start('values.env')).toMatchObject({ status: 0, stdout: 'i:a1b\n', stderr: '' })
      expect(start('none.env')).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/couldn't find env file: \/.*\/none\.env\n$/) as string,
      })
    }
    const modules = join(place, 'node_modules', 'flotilla')
    expect(readFileSync(join(modules, 'THIRD_PARTY_NOTICES'), 'utf8')).toMatch(
      /^Flotilla contains the following third-party packages/,
    )
    const listed = spawnSync('tar', ['-tf', tarball], { encoding: 'utf8' }).stdout.split('\n')
    // The examples are there whole, with their tests.
    const own = listed.filter((name) => !name.startsWith('package/examples/'))
    expect(own.filter((name) => /dist\/exe|(?<!\.d)\.ts$|node_modules|\.test\./.test(name))).toEqual([])
  })
})
