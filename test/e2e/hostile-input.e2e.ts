import { spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collect, ensurePrograms, programForms } from './programs.ts'
import type { ProgramForm, ProgramName } from './programs.ts'

/** Wrong files, wrong surroundings and wrong engines under the programs as they are shipped. */

const programs: readonly ProgramName[] = ['flotilla', 'docker-machine', 'docker-compose', 'swarm']
let folder = ''

beforeAll(() => {
  ensurePrograms()
  folder = mkdtempSync(join(tmpdir(), 'flotilla-hostile-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

interface Cost {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** User and system time. */
  readonly cpuMs: number
  readonly peakMegabytes: number
}

/** On a machine so busy that the program has ended before the first look nothing was measured: it is run again. */
async function measure(form: ProgramForm, program: ProgramName, args: readonly string[]): Promise<Cost> {
  for (let round = 0; ; round += 1) {
    const cost = await measureOnce(form, program, args)
    if (cost.peakMegabytes > 0 || round === 4) return cost
  }
}

/** Runs a program to its end and reads from the kernel what it cost; both numbers only grow, so the last look counts. */
async function measureOnce(form: ProgramForm, program: ProgramName, args: readonly string[]): Promise<Cost> {
  const child = form.start(program, args, { cwd: folder })
  child.stdin.end()
  const seen = { ticks: 0, kilobytes: 0 }
  const look = setInterval(() => {
    try {
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      seen.ticks = Math.max(seen.ticks, Number(fields[11]) + Number(fields[12]))
      const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]
      seen.kilobytes = Math.max(seen.kilobytes, Number(peak ?? 0))
    } catch {
      // It has ended between two looks.
    }
  }, 4)
  const result = await collect(child, 30_000)
  clearInterval(look)
  return { ...result, cpuMs: seen.ticks * 10, peakMegabytes: seen.kilobytes / 1024 }
}

/** 400 bytes that expand to nine to the ninth. */
function makeBomb(): string {
  const levels = ['x-a: &a [x,x,x,x,x,x,x,x,x]']
  for (let index = 1; index < 9; index += 1) {
    const [name, before] = ['abcdefghi'.charAt(index), 'abcdefghi'.charAt(index - 1)]
    levels.push(`x-${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(',')}]`)
  }
  return `${levels.join('\n')}\nservices: {a: {image: x, x-q: *i}}\n`
}

describe.each(programForms)('Compose files ($name)', (form) => {
  const hostile: readonly (readonly [string, () => string, RegExp])[] = [
    ['an alias bomb of 400 bytes', makeBomb, /^the project has more than 1000000 nodes; the anchor "[a-i]" expands/],
    ['brackets 100,000 deep', () => `services: ${'['.repeat(100_000)}`, /: line 1: nested more than 100 levels deep/],
    ['maps 100,000 deep', () => `services: ${'{a: '.repeat(100_000)}`, /: line 1: nested more than 100 levels deep/],
    ['lists 100,000 deep', () => `services: ${'- '.repeat(100_000)}`, /: line 1: /],
  ]
  it.skipIf(process.platform !== 'linux').each(hostile)(
    '%s: an error at bounded cost, for config and up (costs are read on Linux)',
    async (_, make, message) => {
      const path = write(`hostile-${form.name}.yml`, make())
      for (const command of [['config'], ['up', '-d']]) {
        const result = await measure(form, 'docker-compose', ['-f', path, ...command])
        expect(result).toMatchObject({ code: 1, stdout: '' })
        expect(result.stderr).toMatch(message)
        expect(result.stderr).not.toContain('    at ')
        // 0.4 s on a quiet machine; what runs away takes minutes.
        expect(result.cpuMs).toBeLessThan(10_000)
        expect(result.peakMegabytes).toBeGreaterThan(10)
        expect(result.peakMegabytes).toBeLessThan(200)
      }
    },
  )

  it.each([
    ['unclosed', 'services:\n  web:\n    image: x\n    ports: [1\n', 'unclosed.yml:5:1'],
    ['tabs', 'services:\n\tweb: {}\n', 'tabs.yml:2:1'],
    ['twice', 'services:\n  web: {image: x}\n  web: {image: y}\n', 'twice.yml:3:3'],
    ['type', 'services:\n  web:\n    image: [x]\n', 'type.yml:3:'],
    ['name', 'services:\n  web:\n    imag: x\n', 'name.yml:3:5'],
  ])('wrong YAML (%s) is told with file, line and column', async (name, text, place) => {
    const path = write(`${name}.yml`, text)
    const result = await form.run('docker-compose', ['-f', path, 'config'])
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toContain(place)
  })

  it.each([
    ['bytes that are no text', Buffer.from(Array.from({ length: 256 }, (_, index) => index)), /it is not UTF-8 text/],
    ['a file beyond the limit', Buffer.alloc(5_000_000, 'a: 1\n'), /it is larger than 4194304 bytes/],
  ])('%s are refused by name', async (_, bytes, message) => {
    const path = join(folder, 'raw.yml')
    writeFileSync(path, bytes)
    const result = await form.run('docker-compose', ['-f', path, 'config'])
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toMatch(message)
    expect(result.stderr).toContain('raw.yml')
  })
})

/** Names that mean something to a shell, a terminal, a file system or a person, and are no names of ours. */
const wrongNames = ['a/b', '../x', '$(touch x)', 'a;b', 'a b', '\u001b[31mred', 'a\nb', 'ev\u202eil', '\u{1F600}', '']

describe.each(programForms)('names ($name)', (form) => {
  const resources: readonly (readonly [string, (name: string) => object])[] = [
    ['service', (name) => ({ services: { [name]: { image: 'x' } } })],
    ['volume', (name) => ({ services: { a: { image: 'x' } }, volumes: { [name]: {} } })],
    ['secret', (name) => ({ services: { a: { image: 'x' } }, secrets: { [name]: { environment: 'X' } } })],
  ]
  it.each(resources)('of a %s that are none are refused, and nothing of them reaches the terminal', async (_, make) => {
    for (const name of wrongNames) {
      const path = write('names.yml', JSON.stringify(make(name)))
      const result = await form.run('docker-compose', ['-f', path, 'config', '-q'])
      expect(result, JSON.stringify(name)).toMatchObject({ code: 1, stdout: '' })
      expect(result.stderr).toContain('additional properties')
      expect(result.stderr).not.toMatch(/[\u001b\u202e]/)
    }
  })

  it('of projects that are none are refused', async () => {
    const path = write('project.yml', 'services: { a: { image: x } }')
    for (const name of [...wrongNames.filter((each) => each !== ''), '..', '.', '-rf', 'Upper']) {
      const result = await form.run('docker-compose', ['-f', path, `--project-name=${name}`, 'config', '-q'])
      expect(result, JSON.stringify(name)).toMatchObject({ code: 1, stdout: '' })
      expect(result.stderr).toMatch(/^invalid project name "/)
      expect(result.stderr).not.toMatch(/[\u001b\u202e]|use ""/)
    }
  })

  it('of machines that came into the store by other ways do not steer the terminal', async () => {
    const store = join(folder, `odd-names-${form.name}`)
    for (const name of ['\u001b[31mred', 'ev\u202eil', '-rf'])
      mkdirSync(join(store, 'machines', name), { recursive: true })
    for (const format of [[], ['--format', '{{.Name}} {{.Error}}']]) {
      const result = await form.run('docker-machine', ['-s', store, 'ls', '-t', '2', ...format])
      expect(result).toMatchObject({ code: 0, stderr: '' })
      expect(result.stdout).toContain('\ufffd[31mred')
      expect(result.stdout).not.toMatch(/[\u001b\u202e]/)
    }
  })
})

describe.each(programForms)('files that are no files ($name)', (form) => {
  it.skipIf(process.platform !== 'linux')(
    'devices and sockets in every place are read no further than their limit, or refused (needs /dev/zero)',
    async () => {
      const socket = join(folder, `socket-${form.name}`)
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(socket, resolve))
      try {
        for (const path of ['/dev/zero', '/dev/full', socket]) {
          const places = [
            `include: [${path}]\nservices: { a: { image: x } }`,
            `services: { a: { image: x, env_file: ${path} } }`,
            `services: { a: { image: x, label_file: ${path} } }`,
            `services: { a: { extends: { file: ${path}, service: b } } }`,
          ]
          for (const text of places) {
            const file = write('devices.yml', text)
            const result = await form.run('docker-compose', ['-f', file, 'config'], { timeoutMs: 60_000 })
            expect(result, text).toMatchObject({ code: 1, stdout: '' })
            expect(result.stderr).toContain(path)
            expect(result.stderr).not.toContain('    at ')
          }
          const own = await form.run('docker-compose', ['-f', path, 'config'], { timeoutMs: 60_000 })
          expect(own, path).toMatchObject({ code: 1, stdout: '' })
        }
      } finally {
        server.close()
      }
    },
  )

  it.skipIf(process.platform !== 'linux')('a pipe nobody writes into ends by itself (needs mkfifo)', async () => {
    const pipe = join(folder, `pipe-${form.name}`)
    spawnSync('mkfifo', [pipe])
    const path = write('pipe.yml', `services: { a: { image: x, env_file: ${pipe} } }`)
    const result = await form.run('docker-compose', ['-f', path, 'config'], { timeoutMs: 60_000 })
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toContain('it is a pipe nobody writes into')
  })

  it('a file as Windows writes it, two bytes a character, is read', async () => {
    const path = join(folder, 'utf16.yml')
    writeFileSync(path, Buffer.from('\uFEFFservices: { a: { image: x } }\r\n', 'utf16le'))
    const result = await form.run('docker-compose', ['-f', path, 'config', '--images'])
    expect(result).toMatchObject({ code: 0, stdout: 'x\n' })
  })
})

describe.each(programForms)('surroundings ($name)', (form) => {
  const shell = (line: string, program: ProgramName, ...args: string[]): ReturnType<typeof spawnSync> =>
    spawnSync('bash', ['-c', line, 'bash', ...form.command(program), ...args], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: folder, XDG_CACHE_HOME: folder },
      cwd: folder,
      timeout: 20_000,
    })

  it('a reader that takes one line of many and goes ends every program without a word', () => {
    const services = Array.from({ length: 4000 }, (_, index) => `  s${index}: {image: x}\n`).join('')
    const path = write('many.yml', `services:\n${services}`)
    const result = shell('"$@" | head -1; echo ${PIPESTATUS[0]}', 'docker-compose', '-f', path, 'config')
    expect(result.stderr).toBe('')
    expect(String(result.stdout)).toMatch(/^name: .*\n(?:0|141)\n$/)
    for (const program of programs) {
      expect(shell('"$@" | head -1', program, '--help'), program).toMatchObject({ status: 0, stderr: '' })
    }
  })

  it('closed standard streams are no reason to fail', () => {
    for (const program of programs) {
      for (const closed of ['<&-', '>&-', '2>&-', '<&- >&- 2>&-']) {
        expect(shell(`"$@" ${closed}`, program, '--version'), `${program} ${closed}`).toMatchObject({
          status: 0,
          stderr: '',
        })
      }
    }
  })

  it.skipIf(!existsSync('/dev/full'))('output that cannot be written is an error (needs /dev/full)', () => {
    const path = write('one.yml', 'services: {a: {image: x}}')
    for (const [program, args] of [
      ['docker-compose', ['-f', path, 'config']],
      ['docker-machine', ['--version']],
      ['swarm', ['list', 'nodes://10.0.0.1:2375']],
      ['flotilla', ['completion', 'bash']],
    ] as const) {
      const result = shell('"$@" >/dev/full', program, ...args)
      expect(result.status, program).toBe(1)
      expect(result.stderr, program).toMatch(/^(?:flotilla: )?cannot write the output: no space left on device/)
      expect(result.stderr, program).not.toContain('    at ')
    }
  })

  it('without HOME, with an empty one and with one that is a file the programs answer', () => {
    const none = write('no-folder', '')
    for (const program of programs) {
      for (const home of [
        '-u HOME -u XDG_CACHE_HOME',
        '-u XDG_CACHE_HOME HOME=',
        `XDG_CACHE_HOME=${none} HOME=${none}`,
      ]) {
        const result = shell(`env ${home} "$@"`, program, '--version')
        expect(result, `${home} ${program}`).toMatchObject({ status: 0, stderr: '' })
      }
    }
  })

  it.skipIf(process.getuid?.() !== 0)(
    'a read-only HOME is an error that names it, for writing only (needs root)',
    () => {
      const home = join(folder, 'read-only')
      mkdirSync(home, { recursive: true })
      const line = `unshare -m sh -c 'mount -t tmpfs -o ro none "$HOME" && exec "$@"' sh "$@"`
      const inside = `env HOME=${home} XDG_CACHE_HOME=${home}/.cache ${line}`
      expect(shell(inside, 'docker-machine', 'ls', '-q')).toMatchObject({ status: 0, stdout: '', stderr: '' })
      const made = shell(inside, 'docker-machine', 'create', '-d', 'none', '--url', 'tcp://h:1', 'one')
      expect(made.status).toBe(1)
      expect(made.stderr).toMatch(/^cannot make folder .*read-only\/\.docker.*: read-only file system$/m)
      expect(made.stderr).not.toContain('    at ')
    },
  )
})

/** Servers that are no engines, each wrong in its own way. */
const impostors: readonly {
  readonly name: string
  readonly message: RegExp
  readonly serve: (this: void, socket: Socket) => void
}[] = [
  {
    name: 'another protocol',
    message: /does not speak HTTP|not look like/,
    serve: (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
  },
  {
    name: 'half an answer',
    message: /the connection was closed in the middle of its answer/,
    serve: (socket) =>
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n[{"Id":'),
      ),
  },
  {
    name: 'a web site',
    message: /the answer is not JSON: "<html>hello<\/html>"/,
    serve: (socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>hello</html>')),
  },
  {
    name: 'noise without end',
    message: /does not speak HTTP/,
    serve: (socket) => {
      const noise = setInterval(() => socket.write('x'.repeat(65_536)), 1)
      socket.on('close', () => clearInterval(noise))
    },
  },
  {
    name: 'a proxy without its engine',
    message: /bad gateway/,
    serve: (socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 12\r\n\r\nbad gateway\n')),
  },
]

describe.each(programForms)('engines that are none ($name)', (form) => {
  const servers: Server[] = []

  async function listen(serve: (socket: Socket) => void): Promise<string> {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      serve(socket)
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  afterAll(() => {
    for (const server of servers) server.close()
  })

  it.each(impostors)('Compose says what is wrong with $name', async ({ message, serve }) => {
    const url = await listen(serve)
    const path = write('one.yml', 'services: {a: {image: x}}')
    for (const command of [['ps'], ['up', '-d'], ['down'], ['logs']]) {
      const args = ['-f', path, '-p', 'one', ...command]
      const result = await form.run('docker-compose', args, { env: { DOCKER_HOST: url }, timeoutMs: 20_000 })
      expect(result, command.join(' ')).toMatchObject({ code: 1, stdout: '' })
      expect(result.stderr).toMatch(message)
      expect(result.stderr).not.toContain('    at ')
    }
  })

  it('Compose names an engine where nobody listens', async () => {
    const path = write('one.yml', 'services: {a: {image: x}}')
    const result = await form.run('docker-compose', ['-f', path, 'ps'], { env: { DOCKER_HOST: 'tcp://127.0.0.1:1' } })
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('"tcp://127.0.0.1:1"') as string })
  })

  it('Ctrl-C ends Compose while an engine hangs', async () => {
    let asked = (): void => {}
    const isAsked = new Promise<void>((resolve) => (asked = resolve))
    const url = await listen((socket) => socket.once('data', () => asked()))
    const path = write('one.yml', 'services: {a: {image: x}}')
    const child = form.start('docker-compose', ['-f', path, 'ps'], { env: { DOCKER_HOST: url } })
    const ended = collect(child, 20_000)
    await isAsked
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 130, signal: null })
  })

  it('docker-machine ls shows each beside a good record, a half-written one and one that hangs', async () => {
    const store = join(folder, `machines-${form.name}`)
    const urls = await Promise.all(impostors.map(({ serve }) => listen(serve)))
    urls.push('tcp://127.0.0.1:1', await listen(() => {}))
    for (const [index, url] of urls.entries()) {
      const made = await form.run('docker-machine', ['-s', store, 'create', '-d', 'none', '--url', url, `m${index}`])
      expect(made.code, made.stderr).toBe(0)
    }
    const record = readFileSync(join(store, 'machines/m0/config.json'))
    mkdirSync(join(store, 'machines/half'))
    writeFileSync(join(store, 'machines/half/config.json'), record.subarray(0, record.length / 2))
    const started = Date.now()
    const result = await form.run('docker-machine', ['-s', store, 'ls', '-t', '2'])
    expect(Date.now() - started).toBeLessThan(12_000)
    expect(result).toMatchObject({ code: 0, stderr: '' })
    const rows = result.stdout.trimEnd().split('\n').slice(1)
    expect(rows).toHaveLength(urls.length + 1)
    expect(rows[0]).toMatch(/^half .*cannot read the record of machine "half"/)
    for (const [index, { message }] of impostors.entries()) expect(rows[index + 1]).toMatch(message)
    expect(rows.at(-2)).toMatch(/connection refused/)
    expect(rows.at(-1)).toMatch(/Timeout/)
  })
})

describe.each(programForms)('the endpoint under raw bytes ($name)', (form) => {
  let manager: ChildProcess | undefined
  let port = 0

  beforeAll(async () => {
    const child = form.start('swarm', ['manage', '-H', 'tcp://127.0.0.1:0', 'nodes://127.0.0.1:1'])
    manager = child
    port = await new Promise<number>((resolve, reject) => {
      let log = ''
      const read = (piece: Buffer): void => {
        log += piece.toString()
        const found = /addr=127\.0\.0\.1:(\d+)/.exec(log)?.[1]
        if (found !== undefined && found !== '0') resolve(Number(found))
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
      child.once('exit', () => reject(new Error(`the manager ended: ${log}`)))
    })
  })
  afterAll(() => {
    manager?.kill('SIGKILL')
  })

  /** Sends bytes, ends the sending side, and gives back everything that came. */
  function exchange(bytes: string | Buffer): Promise<string> {
    return new Promise((resolve) => {
      let got = ''
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.end(bytes))
      socket.on('data', (piece) => (got += piece.toString('latin1')))
      socket.on('error', () => {})
      socket.on('close', () => resolve(got))
      socket.on('end', () => socket.destroy())
    })
  }

  const create = 'POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n'
  const hidden = 'GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n'
  const attacks: readonly (readonly [string, string, number])[] = [
    ['length and encoding', `${create}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`, 400],
    ['two encodings', `${create}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n${hidden}`, 400],
    ['two lengths', `${create}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}${hidden}`, 400],
    ['a blank before the colon', `${create}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${hidden}`, 400],
    ['a folded header', `${create}X: 1\r\n Content-Length: 40\r\n\r\n${hidden}`, 400],
    ['a chunk size that is none', `${create}Transfer-Encoding: chunked\r\n\r\nzz\r\n${hidden}`, 400],
    ['a header of two megabytes', `GET /_ping HTTP/1.1\r\nX: ${'a'.repeat(2_000_000)}\r\n\r\n`, 431],
    ['100,000 headers', `GET /_ping HTTP/1.1\r\n${'X: 1\r\n'.repeat(100_000)}\r\n`, 431],
    ['an address of 200 kB', `GET /${'a'.repeat(200_000)} HTTP/1.1\r\n\r\n`, 431],
    ['HTTP/2 without upgrade', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
    ['slashes hidden in a name', 'GET /v1.41/containers/..%2f..%2finfo/json HTTP/1.1\r\nHost: d\r\n\r\n', 400],
    ['line feeds hidden in a name', 'GET /v1.41/containers/x%0d%0aX:1/json HTTP/1.1\r\nHost: d\r\n\r\n', 400],
    ['an escape that is none', 'GET /v1.41/containers/%zz/json HTTP/1.1\r\nHost: d\r\n\r\n', 400],
    ['JSON 200,000 deep', `${create}Content-Length: 200000\r\n\r\n${'['.repeat(200_000)}`, 400],
    ['a body of forty megabytes', `${create}Content-Length: 40000000\r\n\r\n${' '.repeat(5_000_000)}`, 413],
  ]
  it.each(attacks)(
    '%s: one refusal, nothing behind it is obeyed, and the next client is served',
    async (_, bytes, status) => {
      const answer = await exchange(bytes)
      // A refusal may be lost to a reset when the sender is still sending; never is it an answer to the hidden request.
      if (bytes.length < 100_000) expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      expect(answer.match(/HTTP\/1\.1 /g)?.length ?? 0).toBeLessThanOrEqual(1)
      expect(answer).not.toMatch(/HTTP\/1\.1 200/)
      expect(await exchange(hidden)).toMatch(/^HTTP\/1.1 200 .*\r\n\r\nOK$/s)
    },
  )

  it('a length longer than the body does nothing, one shorter leaves the rest to the next request', async () => {
    expect(await exchange(`${create}Content-Length: 200\r\n\r\n{}`)).not.toMatch(/ 20\d /)
    const answer = await exchange(`${create}Content-Length: 2\r\n\r\n{}${hidden}`)
    // The only engine is dead, so an empty create is refused either way.
    expect(answer.match(/HTTP\/1\.1 \d/g)).toEqual([expect.stringMatching(/ [45]$/), 'HTTP/1.1 2'])
  })
})
