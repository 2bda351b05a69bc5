import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { descriptor } from '../../src/machine/drivers/docker/index.ts'
import { makeSampleImage } from '../../src/machine/sample-image.ts'
import { systemClock } from '../../src/io/clock.ts'
import { testDriver } from '../conformance/driver.ts'
import { ensurePrograms, executableForm } from './programs.ts'
import type { RunResult } from './programs.ts'

/**
 * Machines that are containers of a real engine: the conformance suite, then the commands with the engine inside, the
 * tools of a user and what goes wrong. The outer engine is a host of the lab, so that nothing of this computer is used.
 */

const isLive = process.getuid?.() === 0 && process.platform === 'linux'
let outer: Lab | undefined

beforeAll(async () => {
  if (isLive) outer = await lab({ engines: ['28.5'], namePrefix: 'outer' })
})
afterAll(async () => {
  await outer?.down()
})

function socket(): string {
  return `unix://${outer?.hosts[0]?.socketPath ?? '/nowhere'}`
}

testDriver(descriptor, {
  // Addresses of containers of another host are not to be reached from here: its own is the way in.
  options: () => ({ 'docker-host': socket() }),
  refused: [
    [{ 'docker-memory': 3 }, /^--docker-memory 3 is too little/],
    [{ 'docker-cpus': -1 }, /^--docker-cpus -1 is no number of CPUs/],
    [{ 'docker-network': 'host' }, /^--docker-network "host" is no name for a network/],
    [{ 'docker-volume': '/x' }, /^--docker-volume "\/x" is no name of a volume/],
    [{ 'docker-host': 'nonsense://x' }, /^--docker-host "nonsense:\/\/x" is no address of an engine/],
    [{ 'docker-host': socket(), 'docker-context': 'x' }, /^give --docker-host or --docker-context, not both/],
  ],
  isLive,
  needs: 'root on Linux',
  canSwitch: true,
  endOutside: async () => {
    await outer!.hosts[0]!.docker(['kill', 'flotilla-machine-trial'])
  },
})

describe.runIf(isLive)('machines in containers, with the programs (needs root on Linux)', () => {
  const form = executableForm
  let folder: string
  beforeAll(() => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-docker-'))
  })
  afterAll(async () => {
    await machine(['rm', '-f', 'box'])
    rmSync(folder, { recursive: true, force: true })
  })

  function host(): NonNullable<typeof outer>['hosts'][number] {
    return outer!.hosts[0]!
  }

  /** As a user of the outer host's TLS address: the machine's engine is then reached through a published port. */
  function machine(args: readonly string[], input?: string, more: Record<string, string> = {}): Promise<RunResult> {
    const env = {
      ...more,
      MACHINE_STORAGE_PATH: join(folder, 'store'),
      DOCKER_HOST: host().url,
      DOCKER_TLS_VERIFY: '1',
      DOCKER_CERT_PATH: host().certificates.directory,
    }
    return form.run('docker-machine', [...args], {
      env,
      timeoutMs: 170_000,
      cwd: folder,
      ...(input !== undefined && { input }),
    })
  }

  async function inner(command: string): Promise<string> {
    const { execProgram } = await import('../../src/io/exec.ts')
    const { stdout: script } = await machine(['env', 'box'])
    const result = await execProgram(['sh', '-c', `${script}\n${command}`], {
      clock: systemClock,
      env: { PATH: process.env['PATH'] },
      deadlineMs: 120_000,
    })
    return `${result.stdout}${result.stderr}`
  }

  it('an engine inside answers over TLS, runs containers, and keeps to its limits', async () => {
    const limits = ['--docker-memory', '512', '--docker-cpus', '1']
    const created = await machine(['create', '-d', 'docker', ...limits, '--engine-label', 'a=b c', 'box'])
    expect(created.stderr).toBe('')
    expect(created.stdout).toContain('Docker is up and running!')
    expect((await machine(['url', 'box'])).stdout).toMatch(new RegExp(`^tcp://${host().ip}:2[4-9]\\d{3}|3[01]\\d{3}`))
    expect(await inner(`docker info --format '{{.Driver}} {{.Name}}'`)).toMatch(/^(?:overlay2|overlayfs) box\n$/)
    // Engines before 23 list their labels in no particular order.
    const labels = JSON.parse(await inner(`docker info --format '{{json .Labels}}'`)) as string[]
    expect(labels.toSorted()).toEqual(['a=b c', 'provider=docker'])
    writeFileSync(join(folder, 'image.tar'), await makeSampleImage(systemClock))
    await inner(`docker load -q < ${join(folder, 'image.tar')}`)
    expect(await inner('docker run --rm flotilla/sample:latest echo from inside')).toBe('from inside\n')
    const { stdout } = await host().docker([
      'inspect',
      '--format',
      '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{index .Config.Labels "io.flotilla.machine"}}',
      'flotilla-machine-box',
    ])
    expect(stdout).toBe('536870912 1000000000 box\n')
  })

  it('ssh runs commands with their streams and exit code', async () => {
    expect((await machine(['ssh', 'box', 'hostname; id -u'])).stdout).toBe('box\n0\n')
    expect((await machine(['ssh', 'box', 'cat >&2; exit 7'], 'over stdin')).code).toBe(7)
    expect((await machine(['ssh', 'box', 'cat'], 'over stdin')).stdout).toBe('over stdin')
  })

  it('scp copies through the shell: files, folders, patterns, what differs; mount says why not', async () => {
    const tree = join(folder, 'tree')
    mkdirSync(join(tree, 'sub'), { recursive: true })
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 31) % 251))
    writeFileSync(join(tree, 'sub', 'file with blank'), bytes, { mode: 0o640 })
    symlinkSync('sub/file with blank', join(tree, 'link'))
    expect(await machine(['scp', '-r', 'tree', 'box:/srv'])).toMatchObject({ code: 0, stdout: '', stderr: '' })
    const listed = 'cd /srv; stat -c "%a %s %U" "sub/file with blank"; readlink link'
    expect((await machine(['ssh', 'box', listed])).stdout).toBe('640 3000000 root\nsub/file with blank\n')
    expect(await machine(['scp', 'root@box:/srv/sub/*', 'localhost:back'])).toMatchObject({ code: 0, stderr: '' })
    expect(bytes.equals(readFileSync(join(folder, 'back')))).toBe(true)
    writeFileSync(join(tree, 'new'), 'new\n')
    expect(await machine(['scp', '-d', '-r', 'tree/', 'box:/srv'])).toMatchObject({ code: 0, stderr: '' })
    expect(await machine(['scp', '-d', '-r', 'box:/srv/', 'again'])).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(join(folder, 'again')).toSorted()).toEqual(['link', 'new', 'sub'])
    expect(bytes.equals(readFileSync(join(folder, 'again', 'sub', 'file with blank')))).toBe(true)
    expect(await machine(['scp', 'box:/no/such', 'x'])).toMatchObject({
      code: 1,
      stderr: 'box:/no/such: no such file or directory\n',
    })
    expect(await machine(['scp', 'back', 'ann@box:/srv/x'])).toMatchObject({
      code: 1,
      stderr: 'files of machine "box" are copied as root: leave "ann@" out\n',
    })
    expect(await machine(['mount', 'box:/srv', folder])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'folders of machine "box" cannot be mounted: it has no SSH server, which sshfs needs\n',
      ) as string,
    })
  })

  it('keeps containers and images over stop, kill and start, and shows what others did to it', async () => {
    await inner('docker run -d --restart always --name kept flotilla/sample:latest')
    const url = (await machine(['url', 'box'])).stdout
    expect((await machine(['stop', 'box'])).code).toBe(0)
    expect((await machine(['status', 'box'])).stdout).toBe('Stopped\n')
    expect((await machine(['start', 'box'])).code).toBe(0)
    expect((await machine(['url', 'box'])).stdout).toBe(url)
    expect(await inner(`docker ps -a --format '{{.Names}}'`)).toBe('kept\n')
    expect((await machine(['start', 'box'])).stderr).toContain('Machine "box" is already running.')
    await host().docker(['pause', 'flotilla-machine-box'])
    expect((await machine(['status', 'box'])).stdout).toBe('Paused\n')
    await host().docker(['unpause', 'flotilla-machine-box'])
    expect((await machine(['kill', 'box'])).code).toBe(0)
    expect((await machine(['status', 'box'])).stdout).toBe('Stopped\n')
    expect((await machine(['restart', 'box'])).code).toBe(0)
    expect(await inner(`docker ps --format '{{.Names}}'`)).toBe('kept\n')
  })

  it('an option that the engine refuses fails with its last words; rm leaves nothing', async () => {
    const bad = await machine(['create', '-d', 'docker', '--engine-opt', 'nonsense=1', 'bad'])
    expect(bad.code).toBe(1)
    expect(bad.stderr).toMatch(/last lines of the engine's log:[\s\S]*unknown flag: --nonsense/)
    expect((await machine(['rm', '-y', 'bad'])).code).toBe(0)
    // Another store, the same name.
    const other = await form.run('docker-machine', ['-s', join(folder, 'other'), 'create', '-d', 'docker', 'box'], {
      env: { DOCKER_HOST: socket() },
      timeoutMs: 60_000,
    })
    expect(other.code).toBe(3)
    expect(other.stderr).toContain('the outer engine has a container')
    await host().docker(['rm', '-fv', 'flotilla-machine-box'])
    expect((await machine(['status', 'box'])).stdout).toBe('Error\n')
    expect((await machine(['start', 'box'])).stderr).toContain('is gone from the outer engine')
    expect((await machine(['rm', '-y', 'box'])).code).toBe(0)
    expect((await host().docker(['ps', '-aq'])).stdout).toBe('')
    expect((await host().docker(['volume', 'ls', '-q'])).stdout).toBe('')
    expect((await host().docker(['network', 'ls', '-q', '--filter', 'name=flotilla'])).stdout).toBe('')
  })

  it('create killed at each step: the record shows it, rm leaves nothing, --resume goes on', async () => {
    const points = [
      'machine.afterRecord',
      'docker.afterImage',
      'docker.afterNetwork',
      'docker.afterContainer',
      'docker.afterContainerStart',
      'machine.beforeCheckpoint',
      'machine.afterCheckpoint',
      'machine.afterDriver',
      'machine.afterSave',
      'docker.afterFiles',
      'machine.afterProvision',
    ]
    const names = points.map((point) => point.replace('.', '-').toLowerCase())
    // The image is there: looking for the programs of this computer each time would be most of the work.
    const { stdout: image } = await host().docker(['images', '--format', '{{.Repository}}:{{.Tag}}', 'flotilla/engine'])
    const [made = ''] = image.split('\n')
    const words = ['create', '-d', 'docker', ...(made === '' ? [] : ['--docker-image', made])]
    for (const [index, point] of points.entries()) {
      const env = { FLOTILLA_FAILPOINTS: `${point}=kill` }
      const killed = await machine([...words, names[index]!], undefined, env)
      expect([point, killed.signal]).toEqual([point, 'SIGKILL'])
    }
    const listed = await machine(['ls', '--format', '{{.Name}} {{.Error}}'])
    expect(listed).toMatchObject({ code: 0, stderr: '' })
    for (const name of names) expect(listed.stdout).toContain(`${name} its creation did not finish: `)
    const some = ['docker-aftercontainer', 'docker-afterfiles']
    const resumed = await machine(['create', '--resume', ...some])
    expect(resumed).toMatchObject({ code: 0, stderr: '' })
    for (const name of some) expect((await machine(['version', name])).stdout).toMatch(/^\d+\./)
    expect(await machine(['rm', '-y', ...names])).toMatchObject({ code: 0, stderr: '' })
    expect((await machine(['ls', '-q'])).stdout).toBe('')
    for (const what of [
      ['ps', '-aq'],
      ['volume', 'ls', '-q'],
      ['network', 'ls', '-q', '--filter', 'name=flotilla'],
    ]) {
      expect([what, (await host().docker(what)).stdout]).toEqual([what, ''])
    }
  }, 400_000)

  it('an outer engine that does not answer is named before anything is made', async () => {
    const lost = await machine(['create', '-d', 'docker', '--docker-host', `unix://${folder}/none.sock`, 'lost'])
    expect(lost.code).toBe(3)
    expect(lost.stderr).toContain('cannot use the outer engine')
    expect((await machine(['ls', '-q'])).stdout).not.toContain('lost')
  })
})
