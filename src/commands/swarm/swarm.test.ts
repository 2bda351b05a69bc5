import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { swarm } from '../../cli/personality.ts'
import { run } from '../../cli/run.ts'
import type { SignalName, World } from '../../cli/world.ts'
import { FlotillaError } from '../../core/errors.ts'
import { builtins } from '../../plugin/builtins.generated.ts'
import { makeRegistry } from '../../plugin/make-registry.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import type { ManualClock } from '../../testing/manual-clock.ts'
import { swarmCommands, swarmGlobals } from './table.ts'

/** The whole command line in one process: every flag, every refusal in the ancestor's words. */

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flotilla-swarm-cli-'))
  await writeFile(join(folder, 'fleet'), 'b:1\na:1\n')
  // Loaded here, where it may take its time.
  await Promise.all([import('./manage.ts'), import('./join.ts'), import('./list.ts'), import('./create.ts')])
}, 120_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

interface Registered {
  readonly addr: string
  readonly ttlMs: number
}

/** A back end that keeps what it is told; `fail` rounds are refused first. */
function makeTestDiscovery(fail = 0) {
  const registered: Registered[] = []
  const withdrawn: string[] = []
  let left = fail
  return {
    registered,
    withdrawn,
    make: () => ({
      async *watch(o: { signal?: AbortSignal } = {}) {
        await new Promise<void>((resolve) => o.signal?.addEventListener('abort', () => resolve()))
        yield* []
      },
      async register(addr: string, ttlMs: number) {
        left -= 1
        if (left >= 0) throw new FlotillaError('cluster/discovery', 'store is away')
        registered.push({ addr, ttlMs })
      },
      async close() {
        withdrawn.push(...new Set(registered.map(({ addr }) => addr)))
      },
    }),
  }
}

interface Call {
  readonly result: Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>
  readonly clock: ManualClock
  readonly discovery: ReturnType<typeof makeTestDiscovery>
  said(): string
  signal(name: SignalName): void
}

function start(argv: readonly string[], env: Readonly<Record<string, string>> = {}, fail = 0): Call {
  const sent = { stdout: '', stderr: '' }
  const collect = (name: 'stdout' | 'stderr'): Writable =>
    new Writable({
      write(piece: Buffer, _encoding, done) {
        sent[name] += piece.toString()
        done()
      },
    })
  const handlers = new Set<(name: SignalName) => void>()
  const clock = manualClock(Date.UTC(2026, 0, 2, 3, 4, 5))
  const discovery = makeTestDiscovery(fail)
  const world: World = {
    argv: argv.map((word) => word.replaceAll('DIR', folder)),
    stdin: new PassThrough(),
    stdout: collect('stdout'),
    stderr: collect('stderr'),
    env,
    cwd: folder,
    clock,
    random: { next: () => 0.5 },
    terminal: {
      isTty: false,
      isStderrTty: false,
      isStdinTty: false,
      columns: () => 80,
      rows: () => 24,
      colorDepth: 0,
      onResize: () => () => {},
    },
    plugins: makeRegistry(builtins, { discovery: { test: { source: 'test', load: async () => discovery.make } } }),
    onSignal(handler) {
      handlers.add(handler)
      return () => handlers.delete(handler)
    },
    onUncaught: () => () => {},
  }
  const program = { personality: swarm, globals: swarmGlobals, commands: swarmCommands }
  return {
    result: run(program, world).then((code) => ({ code, ...sent })),
    clock,
    discovery,
    said: () => sent.stdout + sent.stderr,
    signal: (name) => {
      for (const handler of handlers) handler(name)
    },
  }
}

const stamp = 'time="2026-01-02T03:04:05Z"'
const missing = (command: string): string =>
  `discovery required to ${command} a cluster. See 'swarm ${command} --help'.`

describe('what manage and join refuse, on stdout as logrus had it', () => {
  it.each<[string, string, Readonly<Record<string, string>>?]>([
    // TLS comes first, then refresh intervals, retries, discovery, heartbeat, its options, the back end, and the rest.
    [
      'manage --tlscert x --engine-failure-retry 0',
      '--tlscert, --tlskey and --tlscacert require the use of either --tls or --tlsverify',
    ],
    ['manage --tlscacert x', '--tlscert, --tlskey and --tlscacert require the use of either --tls or --tlsverify'],
    ['manage --tls --tlscert x', '--tlscert and --tlskey must be provided when using --tls'],
    ['manage --tlsverify', '--tlscert and --tlskey must be provided when using --tls'],
    ['manage --tlsverify --tlscert x --tlskey y', '--tlscacert must be provided when using --tlsverify'],
    [
      'manage --tls --tlscert /none/c --tlskey /none/k',
      "Couldn't load X509 key pair (/none/c, /none/k): open /none/c: no such file or directory. Key encrypted?",
    ],
    [
      'manage --engine-refresh-min-interval 0 --engine-failure-retry 0',
      'min refresh interval should be a positive number',
    ],
    ['manage --engine-refresh-min-interval 10', 'min refresh interval should be a positive number'],
    ['manage --engine-refresh-min-interval -5s', 'min refresh interval should be a positive number'],
    ['manage --engine-refresh-max-interval 29s', 'max refresh interval cannot be less than min refresh interval'],
    ['manage --engine-failure-retry 0 --engine-refresh-retry 4', 'invalid failure retry count'],
    ['manage --engine-failure-retry -1', 'invalid failure retry count'],
    ['manage --engine-refresh-retry 4', '--engine-refresh-retry is deprecated. Use --engine-failure-retry'],
    ['manage --heartbeat 10', missing('manage')],
    ['manage a:1 b:1', missing('manage')],
    ['manage --heartbeat 10 a:1', 'invalid --heartbeat: time: missing unit in duration "10"'],
    ['manage --heartbeat 10', 'invalid --heartbeat: time: missing unit in duration "10"', { SWARM_DISCOVERY: 'a:1' }],
    ['manage --heartbeat 1x a:1', 'invalid --heartbeat: time: unknown unit "x" in duration "1x"'],
    ['manage --heartbeat 999ms a:1', '--heartbeat should be at least one second'],
    ['manage --heartbeat 0 a:1', '--heartbeat should be at least one second'],
    ['manage --discovery-opt x a:1', '--discovery-opt must contain key=value strings'],
    ['manage nonsense://x', 'discovery service not supported'],
    [
      'manage --strategy x a',
      'address a: missing port in address, please check you are using the correct discovery (missing token:// ?)',
    ],
    ['manage --strategy x token://', 'token is empty'],
    ['manage --strategy cheap --filter x a:1', 'strategy not supported'],
    ['manage --filter health -f x -c mesos a:1', 'filter not supported'],
    ['manage -c mesos --cluster-opt swarm.overcommit=-2 a:1', 'unsupported cluster "mesos"'],
    ['manage --cluster-opt swarm.overcommit=-2 a:1', 'swarm.overcommit should be larger than -1, -2.000000 is invalid'],
    ['manage --cluster-opt swarm.overcommit=-1 a:1', 'swarm.overcommit should be larger than -1, -1.000000 is invalid'],
    ['manage --cluster-opt swarm.createretry=-3 a:1', 'swarm.createretry can not be negative, -3 is invalid'],
    ['manage --cluster-opt swarm.access= a:1', 'swarm.access should be the path of a file'],
    ['manage --cluster-opt swarm.access=/none/access.yaml a:1', '/none/access.yaml: no such file'],
    ['manage --cluster-opt swarm.remember=-1s a:1', 'swarm.remember should be from 0s to 720h'],
    ['manage --cluster-opt swarm.remember=721h a:1', 'swarm.remember should be from 0s to 720h'],
    ['manage --cluster-opt swarm.limit.speed=1 a:1', 'there is no limit swarm.limit.speed'],
    [
      'manage --cluster-opt swarm.limit.call=0s a:1',
      'swarm.limit.call should be whole seconds from 1s to 24h, "0s" is invalid',
    ],
    [
      'manage --cluster-opt swarm.reschedule.observers=none a:1',
      'swarm.reschedule.observers should be any, majority, off or a number from 1, none is invalid',
    ],
    [
      'manage --replication --addr a:1 --cluster-opt swarm.access=/none/access.yaml etcd://127.0.0.1:9/x',
      'swarm.access with --replication needs TLS with --tlscacert, by which managers know each other: without, containers that only the leader cannot reach are made anew, and swarm.reschedule.observers has to be off',
    ],
    [
      'manage --replication --addr a:1 --cluster-opt swarm.access=/none/access.yaml --cluster-opt swarm.reschedule.observers=off etcd://127.0.0.1:9/x',
      '/none/access.yaml: no such file',
    ],
    ['manage --replication a:1', 'Leader election is only supported with consul, etcd and zookeeper discovery.'],
    ['manage --replication etcd://127.0.0.1:9/x', '--advertise address must be provided when using --leader-election'],
    [
      'manage --replication --advertise nowhere zk://127.0.0.1:9/x',
      '--advertise should be of the form ip:port or hostname:port',
    ],
    [
      'manage --replication --addr a:1 --replication-ttl 5 consul://127.0.0.1:9/x',
      'invalid --replication-ttl: time: missing unit in duration "5"',
    ],
    [
      'manage --replication --addr a:1 --replication-ttl 0s etcd://127.0.0.1:9/x',
      '--replication-ttl should be a positive number',
    ],
    ['manage --advertise nowhere a:1', '--advertise should be of the form ip:port or hostname:port'],
    ['manage --advertise 10.0.0.1:0 a:1', '--advertise should be of the form ip:port or hostname:port'],
    ['manage --addr ::1:2375 a:1', '--advertise should be of the form ip:port or hostname:port'],
    ['manage a:1', '--advertise should be of the form ip:port or hostname:port', { SWARM_ADVERTISE: 'x:99999' }],
    ['manage -H udp://1.2.3.4:1 a:1', 'unsupported protocol: "udp"'],
    ['--log-level loud manage a:1', 'not a valid logrus Level: "loud"'],
    ['-l loud join a:1', 'not a valid logrus Level: "loud"'],

    ['join --advertise a:1', missing('join')],
    ['join', missing('join')],
    ['join a:1 b:1', missing('join')],
    ['join test://x', 'missing mandatory --advertise flag'],
    ['join --advertise 10.0.0.1 --heartbeat 1 test://x', '--advertise should be of the form ip:port or hostname:port'],
    ['join --advertise a:1 --heartbeat 1 --ttl 1 test://x', 'invalid --heartbeat: time: missing unit in duration "1"'],
    ['join --advertise a:1 --heartbeat 1ms test://x', '--heartbeat should be at least one second'],
    ['join --advertise a:1 --ttl 5 test://x', 'invalid --ttl: time: missing unit in duration "5"'],
    ['join --advertise a:1 --ttl 60s test://x', '--ttl must be strictly superior to the heartbeat value'],
    ['join --advertise a:1 --delay soon test://x', 'invalid --delay: time: invalid duration "soon"'],
    ['join --advertise a:1 --delay -1s test://x', '--delay should not be a negative number'],
    ['join --advertise a:1 --discovery-opt x test://x', '--discovery-opt must contain key=value strings'],
    ['join --advertise a:1 x://', 'discovery service not supported'],
    ['join test://x', '--advertise should be of the form ip:port or hostname:port', { SWARM_ADVERTISE: 'a' }],
  ])('swarm %s → %s', async (line, message, env = {}) => {
    const { code, stdout } = await start(line.split(' '), env).result
    expect({ code, stdout }).toEqual({ code: 1, stdout: `${stamp} level=fatal msg=${JSON.stringify(message)}\n` })
  })

  it.each([
    [
      'manage --strategy cheap a:1',
      'hint: there is no strategy "cheap", only binpack, random, spread and those of packages\n',
    ],
    ['manage -f health -f x a:1', 'hint: there is no filter "x", only affinity, '],
  ])('swarm %s says beside the words of classic Swarm what is meant', async (line, hint) => {
    expect((await start(line.split(' ')).result).stderr).toContain(hint)
  })

  it('in the format that is asked for', async () => {
    const json = await start(['--log-format', 'json', 'manage']).result
    expect(JSON.parse(json.stdout)).toEqual({
      time: '2026-01-02T03:04:05.000Z',
      level: 'fatal',
      msg: missing('manage'),
    })
    const text = await start(['--log-format', 'text', 'manage']).result
    expect(text.stdout).toBe(`2026-01-02T03:04:05.000Z FATAL   ${missing('manage')}\n`)
  })
})

describe('what list and create refuse, on stderr as Go logged', () => {
  it.each<[string, string, Readonly<Record<string, string>>?]>([
    ['list', missing('list')],
    ['l a:1 b:1', missing('list')],
    ['list --timeout 5 a:1', 'invalid --timeout: time: missing unit in duration "5"'],
    ['list --timeout 0 a:1', '--timeout should be a positive number'],
    ['list --timeout -1s a:1', '--timeout should be a positive number'],
    ['list --discovery-opt x a:1', '--discovery-opt must contain key=value strings'],
    ['list nonsense://x', 'discovery service not supported'],
    ['list token://', 'token is empty'],
    ['create x', "the `create` command takes no arguments. See 'swarm create --help'."],
    ['c', 'the service of Docker Hub that kept tokens has been gone since 2017'],
    ['--log-level loud list a:1', 'not a valid logrus Level: "loud"'],
  ])('swarm %s → %s', async (line, message, env = {}) => {
    const { code, stdout, stderr } = await start(line.split(' '), env).result
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr.split('\n')[0]?.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, '')).toBe(message)
  })

  it('create says how to run a service of one’s own', async () => {
    expect((await start(['create']).result).stderr).toContain('hint: run `flotilla discovery serve`')
  })
})

describe('list', () => {
  it.each([
    [['list', 'c:1,10.0.0.[1:2]:2375'], {}, '10.0.0.1:2375\n10.0.0.2:2375\nc:1\n'],
    [['-debug', 'l', '-timeout=1s', 'nodes://a:1'], {}, 'a:1\n'],
    [['list', 'file://DIR/fleet'], {}, 'a:1\nb:1\n'],
    [['list', '--discovery-opt', 'kv.path=x', 'a:1'], {}, 'a:1\n'],
    [['list', 'x:1', 'y:1'], { SWARM_DISCOVERY: 'a:1' }, 'a:1\n'],
    [['list'], { SWARM_DISCOVERY: 'a:1', DEBUG: '1' }, 'a:1\n'],
  ] as const)('%j prints the first set', async (argv, env, stdout) => {
    expect(await start(argv, env).result).toEqual({ code: 0, stdout, stderr: '' })
  })

  it('says beside the addresses how a store is spoken to', async () => {
    const call = start(['list', '--timeout', '3s', 'etcd://127.0.0.1:9/x'])
    await vi.waitFor(
      () => expect(call.said()).toContain(`${stamp} level=info msg="Initializing discovery without TLS"\n`),
      {
        timeout: 20_000,
      },
    )
    await vi.waitFor(
      async () => {
        await call.clock.advance(1000)
        expect(call.said()).toContain('Timed out')
      },
      { timeout: 20_000 },
    )
    expect((await call.result).stdout).toBe('Timed out\n')
  })

  it('gives up after the time-out, and that is no failure', async () => {
    const call = start(['list', '--timeout', '3s', 'test://x'])
    await call.clock.advance(2999)
    expect(call.said()).toBe('')
    await call.clock.advance(1)
    expect(await call.result).toEqual({ code: 0, stdout: 'Timed out\n', stderr: '' })
  })
})

describe('what waits or counts for long', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('list ends with %s', async (name, code) => {
    const call = start(['list', 'test://x'])
    await vi.waitFor(() => expect(call.clock.sleeping).toBe(1), 30_000)
    call.signal(name)
    expect(await call.result).toEqual({ code, stdout: '', stderr: '' })
  })

  it('simulate ends with SIGINT', async () => {
    const call = start(['simulate', '--nodes', '50', '--cpus', '10000', '--containers', '2000000'])
    setTimeout(() => call.signal('SIGINT'), 300)
    expect(await call.result).toEqual({ code: 130, stdout: '', stderr: '' })
  })
})

describe('join', () => {
  it('registers every heartbeat, goes on after failures, and takes it back when it is stopped', async () => {
    const call = start(['join', '--advertise', '10.0.0.1:2375', '--heartbeat', '5s', '--ttl', '20s', 'test://x'], {}, 1)
    await call.clock.advance(0)
    await call.clock.advance(10_000)
    call.signal('SIGTERM')
    expect((await call.result).code).toBe(0)
    expect(call.discovery.registered).toEqual([
      { addr: '10.0.0.1:2375', ttlMs: 20_000 },
      { addr: '10.0.0.1:2375', ttlMs: 20_000 },
    ])
    expect(call.discovery.withdrawn).toEqual(['10.0.0.1:2375'])
    const round = (second: number): string =>
      `time="2026-01-02T03:04:${second.toString().padStart(2, '0')}Z" level=info msg="Registering on the discovery service every 5s..." addr=10.0.0.1:2375 discovery=test://x`
    expect((await call.result).stderr.split('\n')).toEqual([
      round(5),
      'time="2026-01-02T03:04:05Z" level=error msg="store is away"',
      round(10),
      round(15),
      'time="2026-01-02T03:04:15Z" level=info msg="Received SIGTERM, shutting down"',
      '',
    ])
  })

  it('waits a random part of the delay first', async () => {
    const call = start(['j', '--addr=a:1', '--delay', '10s', 'test://x'])
    await call.clock.advance(0)
    await call.clock.advance(4999)
    expect(call.discovery.registered).toEqual([])
    await call.clock.advance(1)
    expect(call.discovery.registered).toEqual([{ addr: 'a:1', ttlMs: 180_000 }])
    call.signal('SIGINT')
    expect((await call.result).code).toBe(0)
  })

  it('with a back end that keeps nothing says so each round', async () => {
    const call = start(['join', '--advertise', 'a:1', 'nodes://b:1'])
    await call.clock.advance(0)
    await call.clock.advance(60_000)
    call.signal('SIGTERM')
    expect(
      (await call.result).stderr.match(/level=error msg="not implemented in this discovery service"/g),
    ).toHaveLength(2)
  })

  it('shows no token in its log', async () => {
    const call = start(['join', '--advertise', 'a:1', 'token://http://127.0.0.1:9/v1/6856663c'])
    await call.clock.advance(0)
    call.signal('SIGTERM')
    const { stderr } = await call.result
    expect(stderr).toContain('discovery="token://http://127.0.0.1:9/v1/***"')
    expect(stderr).not.toContain('6856663c')
  })
})

describe('manage', () => {
  it('takes no more than its limits say', async () => {
    const call = start('manage -H unix://DIR/m.sock --cluster-opt swarm.limit.request.body=1k test://x'.split(' '))
    await vi.waitFor(() => expect(call.said()).toContain('Listening for HTTP'), 20_000)
    const status = new Promise<number | undefined>((resolve, reject) => {
      const asked = { socketPath: join(folder, 'm.sock'), method: 'POST', path: '/containers/create' }
      const sent = request(asked, (reply) => {
        reply.resume()
        resolve(reply.statusCode)
      })
      sent.on('error', reject)
      sent.end(JSON.stringify({ Image: 'x'.repeat(2000) }))
    })
    // It waits for engines to be met first.
    await call.clock.advance(5000)
    expect(await status).toBe(413)
    call.signal('SIGTERM')
    call.signal('SIGTERM')
    await call.clock.advance(5000)
    expect((await call.result).code).toBe(0)
  })
})

describe('help and the program itself', () => {
  it.each([[[]], [['--help']], [['-h']], [['help']], [['h']], [['--debug']]])(
    '%j is the page of the program',
    async (argv) => {
      const { code, stdout } = await start(argv).result
      expect(code).toBe(0)
      expect(stdout).toMatch(
        /^Usage: swarm \[OPTIONS\] COMMAND \[arg\.\.\.\]\n\nA Docker-native clustering system\n\nVersion: 1\.2\.9 \(flotilla-[^)]+\)\n\nOptions:\n/,
      )
      expect([...stdout.matchAll(/^ {2}(\w+, \w) /gm)].map((match) => match[1])).toEqual([
        'create, c',
        'list, l',
        'manage, m',
        'join, j',
        'help, h',
      ])
      expect(stdout).toMatch(/\n\nRun 'swarm COMMAND --help' for more information on a command\.\n$/)
    },
  )

  it.each([['manage'], ['list'], ['join']])(
    '%s --help shows its arguments, flags and their variables',
    async (name) => {
      for (const argv of [
        [name, '--help'],
        [name, '-h'],
        ['help', name],
      ]) {
        const { code, stdout } = await start(argv).result
        expect(code).toBe(0)
        expect(stdout).toMatch(new RegExp(`^Usage: swarm ${name} \\[OPTIONS\\] <discovery>\n`))
        expect(stdout).toContain('\nArguments:\n')
        expect(stdout).toContain('[$SWARM_DISCOVERY]')
        for (const form of [
          'token://<token>',
          'consul://<ip>/<path>',
          'etcd://<ip1>,<ip2>/<path>',
          'zk://<ip1>,<ip2>/<path>',
          'file://path/to/file',
          '[nodes://]<ip1>,<ip2>',
        ]) {
          expect(stdout).toContain(`* ${form}\n`)
        }
      }
    },
  )

  it('create --help takes no argument', async () => {
    expect((await start(['create', '--help']).result).stdout).toMatch(/^Usage: swarm create \[OPTIONS\]\n/)
  })

  it('DEBUG with a word that is neither true nor false is somebody else’s', async () => {
    expect(await start(['list', 'a:1'], { DEBUG: 'app:*' }).result).toEqual({ code: 0, stdout: 'a:1\n', stderr: '' })
  })

  it('manage --help ends with the cluster options', async () => {
    expect((await start(['manage', '--help']).result).stdout).toMatch(
      /\* swarm\.overcommit=0\.05 +overcommit to apply on resources\n +\* swarm\.createretry=0 +container create retry count after initial failure\n$/,
    )
  })

  it.each([[['--version']], [['-v']], [['-version']]])('%j', async (argv) => {
    expect((await start(argv).result).stdout).toMatch(/^swarm version 1\.2\.9 \(flotilla-\S+\)\n$/)
  })

  it('an unknown command is no help topic, and no failure', async () => {
    expect(await start(['mange']).result).toEqual({
      code: 0,
      stdout: "No help topic for 'mange'\n",
      stderr: 'hint: did you mean "manage"?\n',
    })
    expect((await start(['help', 'nothing']).result).stdout).toBe("No help topic for 'nothing'\n")
  })

  it('an unknown flag and a flag without its value are wrong usage', async () => {
    const unknown = await start(['manage', '--speed', '9', 'a:1']).result
    expect(unknown.code).toBe(1)
    expect(unknown.stdout).toMatch(/^Incorrect Usage\.\n\nUsage: swarm manage /)
    expect(unknown.stderr).toMatch(/^flag provided but not defined: -speed\n/)
    expect((await start(['list', '--timeout']).result).stderr).toBe('flag needs an argument: -timeout\n')
    expect((await start(['--log-format', 'xml', 'list', 'a:1']).result).stderr).toContain(
      'must be one of legacy, text, json',
    )
  })
})
