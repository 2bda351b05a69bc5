import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '../../src/core/log.ts'
import { systemClock } from '../../src/io/clock.ts'
import { execProgram } from '../../src/io/exec.ts'
import { systemRandom } from '../../src/io/random.ts'
import type { Driver, DriverContext, EngineSetup } from '../../src/machine/driver.ts'
import { descriptor } from '../../src/machine/drivers/local/index.ts'
import { localFactory } from '../../src/machine/drivers/local/driver.ts'
import type { HostRecord } from '../../src/machine/drivers/local/host-record.ts'

/** The driver `local` on this machine: real hosts through the driver's own contract. */

const clock = systemClock
const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const subnet = '10.215.77.0/24'
const gateway = 'fl0ad74d01'
const setup: EngineSetup = {
  args: ['-H', 'unix:///var/run/docker.sock', '--label', 'provider=local'],
  env: [],
  files: [{ path: '/etc/docker/server.pem', content: 'not used here\n', mode: 0o600 }],
}

interface Made {
  readonly driver: Driver
  readonly context: DriverContext
}

describe.runIf(isRoot)('driver local (needs root on Linux)', () => {
  let folder = ''
  let forwardingBefore = ''
  const made: Made[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'local-e2e-'))
    forwardingBefore = await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8')
  })

  afterAll(async () => {
    for (const { driver } of made) await driver.remove({})
    await rm(folder, { recursive: true, force: true })
  })

  async function make(name: string, flags: Readonly<Record<string, string | number | boolean>> = {}): Promise<Made> {
    const context: DriverContext = {
      machineName: name,
      storePath: folder,
      machinePath: join(folder, 'machines', name),
      log: silentLog,
      clock,
      random: systemRandom,
      // A disk: memory file systems hold no overlay2 below some kernels.
      env: { FLOTILLA_LOCAL_DIR: '/var/tmp/flotilla-local-e2e' },
    }
    await mkdir(context.machinePath, { recursive: true })
    const defaults = Object.entries(descriptor.flags).map(([flag, spec]) => [flag, spec.default ?? false] as const)
    const options = { ...Object.fromEntries(defaults), 'local-subnet': subnet, ...flags }
    const one = { context, driver: localFactory.create(context, await localFactory.configure(context, options)) }
    made.push(one)
    return one
  }

  async function create(one: Made): Promise<Made> {
    await one.driver.precheck({})
    await one.driver.create({})
    await one.driver.configureEngine?.(setup, {})
    return one
  }

  /** A shell line inside, as `docker-machine ssh` runs it; output goes to a file because streams are inherited. */
  async function ask({ driver, context }: Made, line: string): Promise<string> {
    const path = join(
      '/var/tmp/flotilla-local-e2e',
      subnet.replace('/', '-'),
      'hosts',
      await driver.address({}),
      'upper/answer',
    )
    const code = await driver.enter?.({ command: [`(${line}) > /answer 2>&1`] }, {})
    expect(code, `${context.machineName}: ${line}`).toBe(0)
    return (await readFile(path, 'utf8')).trim()
  }

  it('two machines made at once get addresses of their own and see each other', async () => {
    const [a, b] = await Promise.all([create(await make('a')), create(await make('b', { 'local-memory': 1024 }))])
    const addresses = await Promise.all([a.driver.address({}), b.driver.address({})])
    expect(addresses.toSorted()).toEqual(['10.215.77.2', '10.215.77.3'])
    expect(await b.driver.engineUrl({})).toBe(`tcp://${addresses[1]}:2376`)
    await ask(a, `busybox ping -c 1 -W 3 ${addresses[1]}`)
    const [first, second] = await Promise.all([a, b].map((one) => ask(one, "docker info --format '{{.ID}} {{.Name}}'")))
    expect(first?.split(' ')[1]).toBe('a')
    expect(second?.split(' ')[1]).toBe('b')
    expect(first?.split(' ')[0]).not.toBe(second?.split(' ')[0])
    expect(await ask(b, "docker info --format '{{.MemTotal}}'")).toBe(String(1024 ** 3))
    expect(await ask(a, 'stat -c %a /etc/docker/server.pem')).toBe('600')
  })

  it('the shell gives back the exit code of the command', async () => {
    expect(await made[0]!.driver.enter?.({ command: ['exit', '7'] }, {})).toBe(7)
  })

  it('stop and start keep disk, address, identity and the way the engine is run', async () => {
    const [a] = made as [Made]
    await ask(a, 'echo kept > /root/note')
    const before = [await a.driver.address({}), await ask(a, "docker info --format '{{.ID}} {{.Labels}}'")]
    await a.driver.stop({})
    expect(await a.driver.state({})).toBe('Stopped')
    await expect(a.driver.engineUrl({})).rejects.toThrow('Host is not running')
    // A command of another process knows only what was stored.
    const later = { ...a, driver: localFactory.create(a.context, a.driver.toConfig()) }
    await later.driver.start({})
    expect(await later.driver.state({})).toBe('Running')
    expect([await later.driver.address({}), await ask(later, "docker info --format '{{.ID}} {{.Labels}}'")]).toEqual(
      before,
    )
    expect(await ask(later, 'cat /root/note')).toBe('kept')
    await later.driver.start({})
  })

  it('after a reboot of the machine it is stopped, and starts with its disk', async () => {
    const [a] = made as [Made]
    await a.driver.kill({})
    // What is left by a boot that is over: a record whose process belongs to it, and no network.
    const path = join(
      '/var/tmp/flotilla-local-e2e',
      subnet.replace('/', '-'),
      'hosts',
      await a.driver.address({}),
      'host.json',
    )
    const record = JSON.parse(await readFile(path, 'utf8')) as HostRecord
    await writeFile(
      path,
      JSON.stringify({ ...record, first: { pid: process.pid, startTicks: '1', bootId: 'an-earlier-one' } }),
    )
    expect(await a.driver.state({})).toBe('Stopped')
    await a.driver.restart({})
    expect(await a.driver.state({})).toBe('Running')
    expect(await ask(a, 'cat /root/note')).toBe('kept')
  })

  it('hosts get new cables when the switch had to be made anew', async () => {
    const [a, b] = made as [Made, Made]
    const path = join('/var/tmp/flotilla-local-e2e', subnet.replace('/', '-'), 'switch.json')
    const { holder } = JSON.parse(await readFile(path, 'utf8')) as { holder: { pid: number } }
    process.kill(holder.pid, 'SIGKILL')
    await b.driver.restart({})
    await ask(a, `busybox ping -c 1 -W 3 ${await b.driver.address({})}`)
  })

  it('only hosts that are not isolated have a way out', async () => {
    const isolated = await create(await make('c', { 'local-isolated': true }))
    expect(await ask(isolated, 'ip route show default')).toBe('')
    expect(await ask(made[0]!, 'ip route show default')).toContain('via 10.215.77.1')
    const rules = await execProgram(['iptables', '-t', 'nat', '-S', 'POSTROUTING'], { clock })
    expect(rules.stdout.split('\n').filter((line) => line.includes('10.215.77.0'))).toHaveLength(1)
  })

  it('a network that overlaps with one of the machine is refused before anything is made', async () => {
    for (const [name, wrong] of [
      ['d', '10.215.77.0/25'],
      ['e', '10.215.0.0/16'],
    ] as const) {
      const { driver } = await make(name, { 'local-subnet': wrong })
      await expect(driver.precheck({})).rejects.toThrow(
        `${wrong} overlaps with 10.215.77.1/24 of the interface ${gateway}`,
      )
    }
  })

  it('a network of hosts that are kept elsewhere is left alone', async () => {
    const { context, driver } = await make('g')
    const config = { ...driver.toConfig(), Directory: '/var/tmp/flotilla-local-other/x' }
    const other = localFactory.create(context, config)
    await expect(other.create({})).rejects.toThrow(
      /10\.215\.77\.0\/24 is used by the hosts in \/var\/tmp\/flotilla-local-e2e/,
    )
    await other.remove({})
    expect(existsSync('/var/tmp/flotilla-local-other')).toBe(false)
    expect(await ask(made[0]!, 'busybox ping -c 1 -W 3 10.215.77.1')).toContain(' 0% packet loss')
  })

  it('an engine that does not start is an error with its own words, and the host can be removed', async () => {
    const bad = await make('f')
    await bad.driver.create({})
    await expect(bad.driver.configureEngine?.({ ...setup, args: ['--storage-driver=nonsense'] }, {})).rejects.toThrow(
      /the engine of host "f" ended with exit code 1: [\s\S]*driver not supported/,
    )
    await bad.driver.remove({})
    expect(await bad.driver.state({})).toBe('Error')
  })

  it('removing the last one leaves nothing', async () => {
    await Promise.all(made.map(({ driver }) => driver.remove({})))
    expect(existsSync('/var/tmp/flotilla-local-e2e')).toBe(false)
    expect(await readdir('/sys/class/net')).not.toContain(gateway)
    const groups = await execProgram(['find', '/sys/fs/cgroup', '-path', '*flotilla/0ad74d01*'], { clock })
    expect(groups.stdout).toBe('')
    expect(await readFile('/proc/mounts', 'utf8')).not.toContain('10.215.77')
    const rules = await execProgram(['sh', '-c', 'iptables -S; iptables -t nat -S'], { clock })
    expect(rules.stdout).not.toContain('10.215.77')
    if (!existsSync('/run/flotilla-forwarding')) {
      expect(await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8')).toBe(forwardingBefore)
    }
  })
})
