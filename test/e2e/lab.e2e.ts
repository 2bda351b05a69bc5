import { spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { canConnect } from '../../src/io/can-connect.ts'
import { execProgram } from '../../src/io/exec.ts'
import { systemClock } from '../../src/io/clock.ts'
import { pollUntil } from '../../src/io/process-identity.ts'
import { readAbilities } from '../../src/testing/lab/abilities.ts'
import { Fleet } from '../../src/machine/drivers/local/fleet.ts'
import { makeSampleImage, sampleImageName } from '../../src/machine/sample-image.ts'
import { loadImage } from '../../src/testing/lab/load-image.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab, LabHost } from '../../src/testing/lab/types.ts'

/** The lab itself: real hosts, every fault verb, and that nothing is left behind however a run ends. */

const clock = systemClock
const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const clientLimitMs = 4000

/** Milliseconds since an earlier call, printed: timings are for reading, not for failing on. */
function stopwatch(): (what: string) => void {
  const startMs = performance.now()
  return (what) => process.stderr.write(`      ${what}: ${((performance.now() - startMs) / 1000).toFixed(2)} s\n`)
}

async function eventually(isTrue: () => Promise<boolean>, limitMs = 30_000): Promise<boolean> {
  return pollUntil(isTrue, limitMs, clock, { everyMs: 50 })
}

/** What a client sees of an engine within four seconds. */
async function look(host: LabHost): Promise<'answers' | 'refused' | 'silent' | 'failed'> {
  const result = await execProgram(
    ['curl', '-sS', '--max-time', String(clientLimitMs / 1000), ...curlTls(host), `https://${host.address}/_ping`],
    { clock },
  )
  if (result.code === 0) return result.stdout === 'OK' ? 'answers' : 'failed'
  if (result.code === 28) return 'silent'
  return result.code === 7 ? 'refused' : 'failed'
}

function curlTls(host: LabHost): readonly string[] {
  const folder = host.certificates.directory
  return ['--cacert', join(folder, 'ca.pem'), '--cert', join(folder, 'cert.pem'), '--key', join(folder, 'key.pem')]
}

async function ping(from: LabHost, to: string): Promise<boolean> {
  return (await from.exec(['busybox', 'ping', '-c', '1', '-W', '2', to])).code === 0
}

/** Everything a lab of this subnet could leave on the machine; equal before and after. */
async function findLeftovers(subnet: string): Promise<readonly string[]> {
  const network = subnet.replace(/\.0\/24$/, '')
  const hex = network
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('')
  const interfaces = readdirSync('/sys/class/net').filter((name) => name.startsWith(`fl${hex}`))
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`/${network}.`))
  const groups = (await execProgram(['find', '/sys/fs/cgroup', '-path', `*flotilla/${hex}*`], { clock })).stdout
    .split('\n')
    .filter(Boolean)
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`flotilla/${hex}`)
      } catch {
        return false
      }
    })
  const folder = `/var/tmp/flotilla-lab/${network}.0`
  return [
    ...interfaces.map((name) => `interface ${name}`),
    ...mounts.map((line) => `mount ${line}`),
    ...groups.map((path) => `cgroup ${path}`),
    ...processes.map((pid) => `process ${pid}`),
    ...(existsSync(folder) ? [`directory ${folder}`] : []),
  ]
}

describe.runIf(isRoot)('hosts of two engine versions (needs root on Linux)', () => {
  let running: Lab
  let [a, b, c]: LabHost[] = []

  beforeAll(async () => {
    const lap = stopwatch()
    running = await lab({
      engines: ['20.10', '20.10', '28.5'],
      image: true,
      labels: (index) => [`rack=r${index}`],
      memoryBytes: (index) => (index === 0 ? 4 * 1024 ** 3 : undefined),
      cpus: (index) => (index === 1 ? '0' : undefined),
    })
    ;[a, b, c] = running.hosts as LabHost[]
    lap('three hosts up with an image')
  })

  afterAll(async () => {
    await running?.down()
  })

  // A second try, and the tests that follow, begin with hosts as they were.
  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return
    for (const host of running.hosts) {
      await Promise.all([host.thaw(), host.heal()])
      await host.resume()
      if ((await look(host)) === 'refused') await host.startEngine()
      await host.exec(['sh', '-c', 'docker ps -aq | xargs -r docker rm -f'])
    }
  })

  it('answer over TLS with the version, identity, label and size they were given', async () => {
    const seen = await Promise.all(
      running.hosts.map(async (host) => {
        const format = '{{.ServerVersion}} {{.Name}} {{.Driver}} {{.NCPU}} {{.MemTotal}} {{json .Labels}} {{.ID}}'
        const result = await host.docker(['info', '--format', format])
        expect(result.stderr.replaceAll(/^WARNING.*\n?/gm, '')).toBe('')
        return result.stdout.trim().split(' ')
      }),
    )
    expect(seen.map((words) => words[0]?.split('.').slice(0, 2).join('.'))).toEqual(['20.10', '20.10', '28.5'])
    expect(seen.map((words) => words[1])).toEqual(['node1', 'node2', 'node3'])
    expect(seen.map((words) => words[2])).toEqual(['overlay2', 'overlay2', 'overlay2'])
    expect(seen[1]?.[3]).toBe('1')
    expect(seen[0]?.[4]).toBe('4294967296')
    expect(seen.map((words) => words[5])).toEqual(['["rack=r0"]', '["rack=r1"]', '["rack=r2"]'])
    expect(new Set(seen.map((words) => words[6])).size).toBe(3)
  })

  it('refuse a client without the certificate', async () => {
    const result = await execProgram(['curl', '-sSk', '--max-time', '4', `https://${a!.address}/info`], { clock })
    expect(result.code).not.toBe(0)
  })

  it('run containers that other hosts and the machine reach by published port, and that end on SIGTERM at once', async () => {
    const run = await b!.docker([
      'run',
      '-d',
      '--name',
      'web',
      '--hostname',
      'web-of-b',
      '-p',
      '8080:80',
      'flotilla/sample',
    ])
    expect(run.code, run.stderr).toBe(0)
    const url = `http://${b!.ip}:8080/`
    expect(await eventually(async () => (await fetch(url).then((reply) => reply.text())).trim() === 'web-of-b')).toBe(
      true,
    )
    const other = await c!.docker(['run', '--rm', 'flotilla/sample', 'wget', '-qO-', url])
    expect(other.stdout.trim()).toBe('web-of-b')
    await b!.docker(['rm', '-f', 'web'])
    const kept = await b!.docker(['run', '-d', '--name', 'web', 'flotilla/sample'])
    expect(kept.code).toBe(0)
    expect((await b!.docker(['stop', 'web'])).code).toBe(0)
    // It hears the signal: without that it would be killed after ten seconds, which is 137.
    const ended = await b!.docker(['inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'web'])
    expect(ended.stdout.trim()).toMatch(/^exited (?!137$)/)
    await b!.docker(['rm', 'web'])
  })

  it('take the sample image from the docker CLI as well', async () => {
    const result = await a!.docker(['load'], { input: await makeSampleImage(clock) })
    expect(result).toMatchObject({ code: 0, stdout: `Loaded image: ${sampleImageName}\n` })
  })

  it('run privileged containers, the old engine only where this machine may raise limits', async () => {
    const { hasSysResource } = await readAbilities(clock)
    const words = ['run', '--rm', '--privileged', 'flotilla/sample', 'true']
    expect((await c!.docker(words)).code).toBe(0)
    expect((await a!.docker(words)).code === 0).toBe(hasSysResource)
  })

  it('resolve names inside containers through the engine', async () => {
    await a!.docker(['network', 'create', 'names'])
    await a!.docker(['run', '-d', '--name', 'named', '--network', 'names', 'flotilla/sample'])
    const result = await a!.docker([
      'run',
      '--rm',
      '--network',
      'names',
      'flotilla/sample',
      'wget',
      '-qO-',
      'http://named/',
    ])
    expect(result.code, result.stderr).toBe(0)
    await a!.docker(['rm', '-f', 'named'])
    await a!.docker(['network', 'rm', 'names'])
  })

  it('a killed engine refuses at once while its containers go on, and comes back on start', async () => {
    await a!.docker(['run', '-d', '--name', 'survivor', '-p', '8081:80', 'flotilla/sample'])
    await a!.kill()
    expect(await look(a!)).toBe('refused')
    expect((await fetch(`http://${a!.ip}:8081/`)).status).toBe(200)
    const lap = stopwatch()
    await a!.startEngine()
    lap('engine back after a kill')
    expect(await look(a!)).toBe('answers')
    await a!.docker(['rm', '-f', 'survivor'])
  })

  it('a paused engine accepts connections and says nothing until it is resumed', async () => {
    await c!.pause()
    expect(await canConnect(c!.ip, 2376, clientLimitMs)).toBe(true)
    expect(await look(c!)).toBe('silent')
    await c!.resume()
    expect(await eventually(async () => (await look(c!)) === 'answers')).toBe(true)
  })

  it('a frozen host stops with its containers and goes on after thawing', async () => {
    await b!.docker(['run', '-d', '--name', 'frozen', '-p', '8082:80', 'flotilla/sample'])
    await b!.freeze()
    expect(await look(b!)).toBe('silent')
    const answer = await fetch(`http://${b!.ip}:8082/`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
    expect(answer).toBeUndefined()
    await b!.thaw()
    expect(await eventually(async () => (await look(b!)) === 'answers')).toBe(true)
    expect((await fetch(`http://${b!.ip}:8082/`)).status).toBe(200)
    await b!.docker(['rm', '-f', 'frozen'])
  })

  it('a cut cable and a black hole are silence, and healing ends both', async () => {
    await a!.cut()
    await b!.drop()
    expect(await Promise.all([look(a!), look(b!), look(c!)])).toEqual([
      expect.stringMatching(/^(silent|refused)$/),
      'silent',
      'answers',
    ])
    await Promise.all([a!.heal(), b!.heal()])
    expect(await eventually(async () => (await look(a!)) === 'answers')).toBe(true)
    expect(await eventually(async () => (await look(b!)) === 'answers')).toBe(true)
  })

  it('partitioned hosts lose each other while everybody else reaches both', async () => {
    expect(await ping(a!, b!.ip)).toBe(true)
    await a!.partition(b!)
    expect(await Promise.all([ping(a!, b!.ip), ping(b!, a!.ip), ping(a!, c!.ip)])).toEqual([false, false, true])
    expect(await Promise.all([look(a!), look(b!)])).toEqual(['answers', 'answers'])
    await Promise.all([a!.heal(), b!.heal()])
    expect(await ping(a!, b!.ip)).toBe(true)
  })

  it('packet loss loses packets but connections get through, and 0 takes it back', async () => {
    await c!.loss(0.5)
    const flood = await a!.exec(['busybox', 'ping', '-c', '40', '-i', '0.05', '-W', '1', c!.ip])
    const received = Number(/(\d+) packets received/.exec(flood.stdout)?.[1])
    expect(received).toBeGreaterThan(2)
    expect(received).toBeLessThan(38)
    await c!.loss(0)
    expect((await a!.exec(['busybox', 'ping', '-c', '5', '-i', '0.05', '-W', '1', c!.ip])).stdout).toContain(
      ' 0% packet loss',
    )
  })

  it('a power cut keeps disk, address and identity; restart policies act on return', async () => {
    const before = (await c!.docker(['info', '--format', '{{.ID}}'])).stdout
    await c!.docker(['run', '-d', '--name', 'always', '--restart', 'always', 'flotilla/sample'])
    await c!.docker(['run', '-d', '--name', 'once', 'flotilla/sample'])
    const lap = stopwatch()
    await c!.powerOff()
    lap('power off')
    expect(await look(c!)).not.toBe('answers')
    await c!.powerOn()
    lap('power on')
    expect((await c!.docker(['info', '--format', '{{.ID}}'])).stdout).toBe(before)
    const states = await eventually(async () => {
      const list = await c!.docker(['ps', '-a', '--format', '{{.Names}} {{.State}}'])
      return list.stdout.includes('always running') && list.stdout.includes('once exited')
    })
    expect(states).toBe(true)
    await c!.docker(['rm', '-f', 'always', 'once'])
  })

  it('a second lab runs beside this one, and goes without touching it', async () => {
    const second = await lab({ hosts: 1 })
    expect(second.subnet).not.toBe(running.subnet)
    expect(await ping(second.hosts[0]!, a!.ip)).toBe(false)
    await second.down()
    expect(await findLeftovers(second.subnet)).toEqual([])
    expect(await Promise.all(running.hosts.map(look))).toEqual(['answers', 'answers', 'answers'])
  })

  it('an SSH server takes the key of the lab', async () => {
    const ssh = await a!.sshd()
    const options = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR']
    const words = [...options, '-i', ssh.keyPath, '-p', String(ssh.port), `${ssh.user}@${ssh.host}`, 'hostname']
    const result = await execProgram(['ssh', ...words], { clock, deadlineMs: 20_000 })
    expect(result).toEqual({ code: 0, stdout: 'node1\n', stderr: '' })
  })
})

describe.runIf(isRoot)('a host with systemd (needs root on Linux)', () => {
  let running: Lab

  beforeAll(async () => {
    const lap = stopwatch()
    running = await lab({ systemd: true })
    lap('systemd and all it starts')
  })

  afterAll(async () => {
    await running?.down()
  })

  it('is reached over SSH and runs services, with host keys of its own', async () => {
    const host = running.hosts[0]!
    const treeKey = await host.exec(['cat', '/etc/ssh/ssh_host_ed25519_key.pub'])
    const ssh = await host.sshd()
    const options = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR']
    const line = 'systemctl is-system-running; systemctl restart docker && docker info --format {{.Driver}}'
    const words = ['ssh', ...options, '-i', ssh.keyPath, `${ssh.user}@${ssh.host}`, line] as const
    expect(await execProgram(words, { clock, deadlineMs: 60_000 })).toEqual({
      code: 0,
      stdout: 'running\noverlay2\n',
      stderr: '',
    })
    expect((await host.exec(['cat', '/etc/ssh/ssh_host_ed25519_key.pub'])).stdout).not.toBe(treeKey.stdout)
  })

  it('comes back after a power cut with the same login', async () => {
    const host = running.hosts[0]!
    const ssh = await host.sshd()
    await host.powerOff()
    await host.powerOn()
    expect(await eventually(() => canConnect(ssh.host, ssh.port, clientLimitMs))).toBe(true)
  })
})

describe.runIf(isRoot)('servers beside the hosts (needs root on Linux)', () => {
  let running: Lab

  beforeAll(async () => {
    running = await lab({ hosts: 2, image: true })
  })

  afterAll(async () => {
    await running?.down()
  })

  it.each(['etcd', 'consul', 'zookeeper'] as const)(
    '%s answers on the gateway address, also after a stop',
    async (name) => {
      const lap = stopwatch()
      const store = await running.kv(name)
      lap(`${name} ready`)
      expect(await canConnect(store.host, store.port, clientLimitMs)).toBe(true)
      await store.stop()
      expect(await canConnect(store.host, store.port, clientLimitMs)).toBe(false)
      await store.start()
      expect(await canConnect(store.host, store.port, clientLimitMs)).toBe(true)
    },
  )

  it('an image pushed by one host is pulled by the other', async () => {
    const registry = await running.registry()
    const [from, to] = running.hosts
    const name = `${registry.address}/sample:1`
    await from!.docker(['tag', 'flotilla/sample', name])
    const push = await from!.docker(['push', name])
    expect(push.code, push.stderr).toBe(0)
    const pull = await to!.docker(['pull', name])
    expect(pull.code, pull.stderr).toBe(0)
  })
})

const unified = '/sys/fs/cgroup/unified'
const hasUnified = isRoot && existsSync(join(unified, 'cgroup.procs'))

describe.runIf(hasUnified)('cgroup version 2 beside version 1 (needs root and /sys/fs/cgroup/unified)', () => {
  it('a host lives in the unified hierarchy alone, freezes and goes without a trace', async () => {
    const options = { directory: '/var/tmp/flotilla-unified/a', subnet: '10.215.78.0/24', hasNat: false, clock }
    const fleet = new Fleet(options, { version: 2, hierarchies: [{ controllers: '', mountPoint: unified }] })
    try {
      const host = await fleet.addHost({ name: 'two', engineRoot: '/' })
      await host.powerOn()
      await host.startEngine({ args: ['-H', 'unix:///run/docker.sock'], env: [] })
      await loadImage(await host.socketPath(), await makeSampleImage(clock))
      const run = await host.run(['docker', 'run', '-d', '--name', 'web', 'flotilla/sample'])
      expect(run.code, run.stderr).toBe(0)
      const info = await host.run(['docker', 'info', '--format', '{{.CgroupVersion}} {{.ContainersRunning}}'])
      expect(info.stdout).toBe('2 1\n')
      await host.setFrozen(true)
      expect(await host.isFrozen()).toBe(true)
    } finally {
      await fleet.takeDown()
    }
    expect(existsSync('/var/tmp/flotilla-unified')).toBe(false)
    expect(existsSync(join(unified, 'flotilla'))).toBe(false)
  })
})

describe.runIf(isRoot)('nothing is left behind (needs root on Linux)', () => {
  it('after down', async () => {
    const one = await lab({ hosts: 2 })
    expect((await findLeftovers(one.subnet)).length).toBeGreaterThan(5)
    await one.hosts[0]!.freeze()
    const lap = stopwatch()
    await one.down()
    lap('down of two hosts, one of them frozen')
    expect(await findLeftovers(one.subnet)).toEqual([])
    await one.down()
  })

  it('after a start that fails', async () => {
    const before = listOwnLabs()
    await expect(lab({ hosts: 2, engineArgs: ['--no-such-flag'] })).rejects.toThrow(/unknown flag: --no-such-flag/)
    expect(listOwnLabs()).toEqual(before)
  })

  it('after SIGKILL of the runner', async () => {
    const program = await bundleRunner()
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const subnet = await new Promise<string>((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8').trim()))
      child.once('exit', () => reject(new Error('the runner ended before its lab was up')))
    })
    expect((await findLeftovers(subnet)).some((line) => line.startsWith('process'))).toBe(true)
    child.kill('SIGKILL')
    const lap = stopwatch()
    const isClean = await eventually(async () => (await findLeftovers(subnet)).length === 0)
    lap('clean after SIGKILL')
    expect(await findLeftovers(subnet)).toEqual([])
    expect(isClean).toBe(true)
  })
})

/** Folders of labs that this process has made; other test files have labs of theirs at the same time. */
function listOwnLabs(): readonly string[] {
  const root = '/var/tmp/flotilla-lab'
  const isOwn = (name: string): boolean => {
    try {
      return readFileSync(join(root, name, 'owner.json'), 'utf8').includes(`"pid": ${process.pid},`)
    } catch {
      return false
    }
  }
  return existsSync(root) ? readdirSync(root).filter(isOwn) : []
}

/** A program of its own that starts a lab, prints its subnet and waits to be killed. */
async function bundleRunner(): Promise<string> {
  const root = join(import.meta.dirname, '..', '..')
  const folder = join(root, '.cache', 'lab-runner')
  const bundle = await rolldown({
    input: { runner: join(import.meta.dirname, 'lab-runner.ts') },
    platform: 'node',
    external: [/^node:/, /\.node$/, 'cpu-features'],
    logLevel: 'silent',
  })
  await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].mjs' })
  await bundle.close()
  return join(folder, 'runner.mjs')
}
