import { chmod, mkdir, readFile, readdir, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inspectImage } from '../../src/engine/api/images.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { ComposeHost, isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import { collect, ensurePrograms } from './programs.ts'
import type { RunResult } from './programs.ts'

/**
 * The commands that show and change what runs, on a real engine, beside docker-compose 2.40. All of it on engine 20.10, and
 * what an engine has a say in on 28.5, too.
 */

const file = `
services:
  web:
    image: ${sampleImage}
    command: ["/bin/idle"]
    depends_on: [db, cache]
    ports: ["127.0.0.1:18381:80"]
    volumes: ["data:/data"]
    stop_grace_period: 1s
  db: { image: ${sampleImage}, command: ["/bin/idle"], stop_grace_period: 1s }
  cache: { image: ${sampleImage}, command: ["/bin/idle"], network_mode: none, stop_grace_period: 1s }
  off: { image: ${sampleImage}, profiles: [off] }
volumes: { data: { labels: { keep: "yes" } } }
`

/** Answered from what the engine says. */
const asked: readonly (readonly string[])[] = [
  ['images', '--format', 'json'],
  ['images', '-q'],
  ['-p', 'none', 'images', '--format', 'PRETTY'],
  ['-p', 'none', 'images', '--format', 'json'],
  ['volumes'],
  ['volumes', '--format', 'json'],
  ['volumes', '-q'],
  ['volumes', '--format', 'raw'],
  ['volumes', 'web'],
  ['volumes', 'db'],
  ['volumes', 'off', 'web'],
  ['volumes', '--format', '{{.Name}}|{{.Driver}}|{{.Label "keep"}}'],
  ['-p', 'none', 'volumes'],
  ['-p', 'none', 'top'],
  ['port', 'web', '80'],
  ['port', 'web', '81'],
  ['port', '--protocol', 'udp', 'web', '80'],
  ['port', '--index', '2', 'web', '80'],
  ['ps', '--filter', 'status=running', '--format', 'json', '--no-trunc'],
  ['-p', 'none', 'ps', 'web'],
  ['-p', 'none', 'logs', 'web'],
  ['ls', '--format', 'json'],
  ['ls', '--format', ''],
  ['ls', '--filter', 'x=y'],
  ['-p', 'none', 'wait', 'web'],
  ['-p', 'none', 'kill'],
  ['cp', '--index', '2', 'compose.yaml', 'web:/tmp'],
]

/** Answered before an engine is asked. */
const unasked: readonly (readonly string[])[] = [
  ['images', 'nope'],
  ['images', '--format', 'xx'],
  ['volumes', 'nope'],
  ['top', 'nope'],
  ['port', 'nope', '80'],
  ['port', 'web', 'x'],
  ['port', 'web'],
  ['alpha', 'viz', '--indentation-size', '0', '--networks', '--ports', '--image'],
  ['stats', 'nope', '--no-stream'],
  ['cp', 'a', 'b'],
  ['cp', 'web:/a', 'db:/b'],
  ['cp', 'nope:/a', 'b'],
  ['commit'],
  ['commit', 'nope'],
  ['export', 'nope'],
  ['export'],
  ['scale'],
  ['scale', 'web'],
  ['scale', 'web=x'],
  ['scale', 'nope=2'],
  ['ls', 'x'],
  ['ls', '--format', 'x'],
  ['version', 'x'],
  ['publish'],
  ['logs', '--since', 'x'],
  ['logs', '--index', '1'],
  ['logs', '--index', '1', 'web', 'db'],
  ['up', '--scale', 'nope=1'],
  ['up', '--exit-code-from', 'nope'],
  ['create', '--scale', 'off=1'],
  ['create', '--scale', 'cache=0', 'db'],
  ['up', '-d', '--no-deps', '--scale', 'db=2', 'web'],
  ['config', '--hash', 'nope'],
  ['config', '--hash', 'web,off'],
  ['logs', '--until', 'x'],
  ['events', '--since', 'x'],
  ['--progress', 'x', 'ps'],
  ['--progress', 'plain', 'cp', 'db:/nope', '/tmp/nope'],
]

describe.runIf(isRoot)('commands (needs root on Linux)', () => {
  let running: Lab | undefined
  let host: ComposeHost
  let modern: ComposeHost

  beforeAll(async () => {
    ensurePrograms()
    running = await lab({ engines: ['20.10', '28.5'], hosts: 2, image: true, namePrefix: 'cmd' })
    const [first, second] = running.hosts
    host = await openComposeHost(first!)
    modern = await openComposeHost(second!, 'node')
    for (const each of [host, modern]) {
      await each.write('shop', { 'compose.yaml': file })
      const up = await each.compose('shop', ['up', '-d'])
      expect(up.code, up.stderr).toBe(0)
    }
  })

  afterAll(async () => {
    await host?.close()
    await modern?.close()
    await running?.down()
  })

  function both(args: readonly string[], on: ComposeHost = host): Promise<readonly [RunResult, RunResult]> {
    return Promise.all([on.compose('shop', args), on.reference('shop', args)])
  }

  /** Without what differs from run to run: the order of labels and of images, and how long ago things were. */
  const calm = (text: string): string =>
    text
      .replace(/"Labels":"([^"]*)"/g, (_, labels: string) => `"Labels":"${labels.split(',').sort().join()}"`)
      .replace(/(?:Less than a|About a|\d+) (?:second|minute)s?(?: ago)?/g, 'a while')
      .replace(/^\[\{.*\}\]$/m, (list) =>
        JSON.stringify((JSON.parse(list) as object[]).map((row) => JSON.stringify(row)).sort()),
      )

  async function compare(args: readonly string[], on: ComposeHost): Promise<void> {
    const [own, other] = await both(args, on)
    const isGraph = args.includes('viz')
    const [shown, expected] = [calm(own.stdout), calm(other.stdout)]
    expect(isGraph ? shown.split('\n').sort() : shown).toEqual(isGraph ? expected.split('\n').sort() : expected)
    if (other.code !== 0) expect(own.stderr).toContain(other.stderr.trim().split('\n')[0])
  }

  it.each([...asked, ...unasked].map((args) => [args]))('%j says what the reference program says', (args) =>
    compare(args, host),
  )

  it.each(asked.map((args) => [args]))('%j says it on engine 28.5, too', (args) => compare(args, modern))

  it.each([[['stop']], [['restart']], [['pause']], [['create']], [['up', '-d']], [['--progress', 'json', 'kill']]])(
    '%j in a dry run prints the lines the reference program prints',
    async (args) => {
      const [own, other] = await both(['--dry-run', ...args])
      expect(own.code, own.stderr).toBe(0)
      // Services that do not depend on each other come in any order.
      expect(own.stderr.split('\n').sort()).toEqual(other.stderr.split('\n').sort())
    },
  )

  it('down --rmi all removes what was built for a service under names it no longer has', async () => {
    const services = (image: string): string => `
name: renamed
services:
  web: { image: "${image}", build: { dockerfile_inline: "FROM ${sampleImage}\\nLABEL a=${image}" } }
`
    for (const image of ['renamed:1', 'renamed:2']) {
      await host.write('renamed', { 'compose.yaml': services(image) })
      const built = await host.compose('renamed', ['build'])
      expect(built.code, built.stderr).toBe(0)
    }
    const left = async (): Promise<readonly string[]> => {
      const { stdout } = await running!.hosts[0]!.docker(['images', '--format', '{{.Repository}}:{{.Tag}}', 'renamed'])
      return stdout
        .split('\n')
        .filter((line) => line !== '')
        .sort()
    }
    await host.compose('renamed', ['down', '--rmi', 'local'])
    expect(await left()).toEqual(['renamed:1', 'renamed:2'])
    await host.compose('renamed', ['down', '--rmi', 'all'])
    expect(await left()).toEqual([])
  })

  it('attach ends with 130 and on a line of its own when it is interrupted', async () => {
    const script = 'trap "echo got; exit 4" INT; while :; do echo tick; sleep 0.1; done'
    const made = await host.compose('shop', ['run', '-d', '-T', '--name', 'trapped', 'cache', 'sh', '-c', script])
    expect(made.code, made.stderr).toBe(0)
    await running!.hosts[0]!.docker(['stop', 'shop-cache-1'])
    const session = host.terminal('shop', ['attach', 'cache'])
    try {
      expect(await session.shows(/tick/), session.screen).toBe(true)
      session.type('\u0003')
      expect(await session.ended(), session.screen).toBe(130)
      expect(session.screen).toMatch(/got\r\n\r\n$/)
    } finally {
      session.close()
      await running!.hosts[0]!.docker(['rm', '-f', 'trapped'])
      await running!.hosts[0]!.docker(['start', 'shop-cache-1'])
    }
  })

  it('a .env file steers the program as the environment does', async () => {
    const steered = {
      'compose.yaml': `services: { web: { image: ${sampleImage}, command: ["/bin/idle"] } }`,
      '.env': 'COMPOSE_COMPATIBILITY=1\nCOMPOSE_IGNORE_ORPHANS=1\n',
    }
    await host.write('steered', steered)
    for (const args of [['up', '-d', '--remove-orphans'], ['--dry-run', 'up', '-d'], ['config']]) {
      const [own, other] = await Promise.all([host.compose('steered', args), host.reference('steered', args)])
      expect(own.code, own.stderr).toBe(other.code)
      expect(own.stdout).toBe(other.stdout)
      expect(own.stderr.split('\n').sort().join('\n')).toContain(other.stderr.trim().split('\n').sort()[0])
      if (args.includes('--dry-run')) expect(own.stderr).toContain('steered_web_1')
    }
  })

  it('top shows the processes of all services in one table', async () => {
    const [own, other] = await both(['top'])
    const columns = (text: string): unknown =>
      text.split('\n').map((line) =>
        line
          .trim()
          .split(/\s+/)
          .filter((_, index) => ![5, 6, 8].includes(index)),
      )
    expect(columns(own.stdout)).toEqual(columns(other.stdout))
    expect(own.stdout).toMatch(/^SERVICE +# +UID +PID +PPID +C +STIME +TTY +TIME +CMD\n/)
  })

  it('stats has one line a container, as a table, as JSON and by a template', async () => {
    const [own, other] = await both(['stats', '--no-stream', '--format', 'json'])
    const rows = (text: string): readonly Record<string, string>[] =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, string>)
    const names = (text: string): unknown =>
      rows(text)
        .map((row) => [row['Name'], row['ID'], Object.keys(row)].join())
        .sort()
    expect(names(own.stdout)).toEqual(names(other.stdout))
    expect(rows(own.stdout)[0]).toMatchObject({
      CPUPerc: expect.stringMatching(/^\d+\.\d\d%$/),
      MemUsage: expect.stringMatching(/iB \/ .*iB$/),
    })
    const table = await host.compose('shop', ['stats', '--no-stream', 'db'])
    expect(table.stdout).toMatch(
      /^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS\n\S+ +shop-db-1 /,
    )
    const named = await host.compose('shop', ['stats', '--no-stream', '--format', '{{.Name}}'])
    expect(named.stdout.split('\n').filter((line) => line !== '')).toHaveLength(3)
  })

  it('stats goes on until it is interrupted', async () => {
    const child = host.start('shop', ['stats', '--format', '{{.Name}} {{.CPUPerc}}', 'db'])
    const code = new Promise<number | null>((resolve) => child.once('exit', resolve))
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    await host.eventually(() => Promise.resolve(text.split('\n').length > 4))
    child.kill('SIGINT')
    expect(await code).toBe(130)
    expect(text).toMatch(/^(?:shop-db-1 \d+\.\d\d%\n)+$/)
  })

  it('events are shown as they happen, to the nanosecond, until told to end', async () => {
    const since = new Date(Date.now() - 1000).toISOString()
    await host.compose('shop', ['restart', 'db'])
    const until = new Date(Date.now() + 1000).toISOString()
    const json = ['events', '--json', '--since', since, '--until', until]
    const own = await host.compose('shop', [...json, 'db'])
    expect(own.code, own.stderr).toBe(0)
    const other = await host.reference('shop', [...json, 'db'])
    expect(own.stdout.length).toBeGreaterThan(100)
    // The labels of this program are none of the project's, of which 2.40 knows nothing.
    expect(own.stdout).toBe(other.stdout.replaceAll(/"flotilla\.compose\.\w+":"(?:[^"\\]|\\.)*",/g, ''))
    expect(own.stdout).not.toContain('flotilla.compose.')
    const text = await host.compose('shop', ['events', '--since', since, '--until', until])
    expect(text.stdout).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} container kill [0-9a-f]{64} \(.*name=shop-db-1.*\)$/m,
    )
    expect((await host.compose('shop', [...json, 'nope'])).stdout).toBe('')
  })

  it('events end with 130 on an interrupt', async () => {
    const child = host.start('shop', ['events', '--json'])
    const code = new Promise<number | null>((resolve) => child.once('exit', resolve))
    const first = new Promise<string>((resolve) => child.stdout.setEncoding('utf8').once('data', resolve))
    await host.eventually(async () => {
      await host.compose('shop', ['top', 'db'])
      return Promise.race([first.then(() => true), new Promise<boolean>((resolve) => setTimeout(resolve, 300, false))])
    })
    expect(JSON.parse((await first).split('\n')[0] ?? '')).toMatchObject({
      action: 'top',
      service: 'db',
      type: 'container',
    })
    child.kill('SIGINT')
    expect(await code).toBe(130)
  })

  it('scale goes up and down, dependencies left alone on request', async () => {
    const up = await host.compose('shop', ['scale', 'cache=3', '--no-deps'])
    expect(up.code, up.stderr).toBe(0)
    const names = async (): Promise<readonly string[]> =>
      (await host.containers('shop'))
        .filter((entry) => entry.name.includes('cache'))
        .map((entry) => `${entry.name} ${entry.state}`)
    expect(await names()).toEqual(['shop-cache-1 running', 'shop-cache-2 running', 'shop-cache-3 running'])
    expect((await host.compose('shop', ['exec', '-T', '--index', '2', 'cache', 'true'])).code).toBe(0)
    const dry = await host.changesDuring(() => host.compose('shop', ['--dry-run', 'scale', 'cache=5']))
    expect(dry).toEqual([])
    const down = await host.compose('shop', ['alpha', 'scale', 'cache=1'])
    expect(down.code, down.stderr).toBe(0)
    expect(await names()).toEqual(['shop-cache-1 running'])
  })

  it('alpha dry-run changes nothing', async () => {
    let result: RunResult | undefined
    const changes = await host.changesDuring(async () => {
      result = await host.compose('shop', ['alpha', 'dry-run', '--', 'stop', '-t', '0'])
    })
    expect(result?.code, result?.stderr).toBe(0)
    expect(result?.stderr).toMatch(/DRY-RUN MODE - +Container shop-web-1 +Stopped/)
    expect(changes).toEqual([])
  })

  describe('cp', () => {
    const inside = (command: string): Promise<RunResult> =>
      host.compose('shop', ['exec', '-T', 'web', 'sh', '-c', command])

    beforeAll(async () => {
      const tree = join(host.folder, 'shop', 'tree')
      await mkdir(join(tree, 'sub'), { recursive: true })
      await writeFile(join(tree, 'a'), 'text')
      await chmod(join(tree, 'a'), 0o640)
      await writeFile(join(tree, 'sub', 'b'), 'x'.repeat(200_000))
      await symlink('sub/b', join(tree, 'link'))
      await inside(
        'mkdir -p /in /keep/d && echo one >/keep/f && ln -s f /keep/l && echo two >/keep/d/g && chmod 600 /keep/f',
      )
    })

    it('puts folders, contents, files and new names where docker cp puts them', async () => {
      for (const args of [
        ['tree', 'web:/in'],
        ['tree/.', 'web:/in/contents'],
        ['./tree/a', 'web:/in/'],
        ['tree/a', 'web:/in/new'],
      ]) {
        const result = await host.compose('shop', ['cp', ...args])
        expect(result.code, result.stderr).toBe(0)
      }
      const listed = await inside(
        'cd /in; find . | sort; cat new; wc -c < tree/sub/b; readlink tree/link; stat -c %a tree/a',
      )
      expect(listed.stdout.split('\n')).toEqual([
        '.',
        './a',
        './contents',
        './contents/a',
        './contents/link',
        './contents/sub',
        './contents/sub/b',
        './new',
        './tree',
        './tree/a',
        './tree/link',
        './tree/sub',
        './tree/sub/b',
        'text200000',
        'sub/b',
        '640',
        '',
      ])
    })

    it('gets folders, contents, files, links and what links point at', async () => {
      const out = join(host.folder, 'shop', 'out')
      await mkdir(out)
      const copies = [
        ['web:/keep', 'out'],
        ['web:/keep', 'out/named'],
        ['web:/keep/.', 'out/all'],
        ['web:keep/f', 'out/'],
        ['web:/keep/l', 'out/'],
        ['-L', 'web:/keep/l', 'out/real'],
      ]
      for (const args of copies) {
        const result = await host.compose('shop', ['cp', ...args])
        expect(result.code, `${args.join(' ')}: ${result.stderr}`).toBe(0)
      }
      expect((await readdir(out)).sort()).toEqual(['all', 'f', 'keep', 'l', 'named', 'real'])
      for (const folder of ['all', 'keep', 'named'])
        expect((await readdir(join(out, folder))).sort()).toEqual(['d', 'f', 'l'])
      expect(await readFile(join(out, 'named', 'd', 'g'), 'utf8')).toBe('two\n')
      expect((await stat(join(out, 'f'))).mode & 0o777).toBe(0o600)
      expect([await readlink(join(out, 'l')), await readFile(join(out, 'real'), 'utf8')]).toEqual(['f', 'one\n'])
    })

    it('streams archives', async () => {
      const tar = host.start('shop', ['cp', 'web:/keep', '-'])
      const pieces: Buffer[] = []
      tar.stdout.on('data', (piece: Buffer) => pieces.push(piece))
      expect(await new Promise((resolve) => tar.once('close', resolve))).toBe(0)
      const into = host.start('shop', ['cp', '-', 'db:/tmp'])
      into.stdin.end(Buffer.concat(pieces))
      expect(await new Promise((resolve) => into.once('close', resolve))).toBe(0)
      const seen = await host.compose('shop', ['exec', '-T', 'db', 'cat', '/tmp/keep/d/g'])
      expect(seen.stdout).toBe('two\n')
    })

    it('goes to every container of a service', async () => {
      await host.compose('shop', ['scale', 'cache=2'])
      expect((await host.compose('shop', ['cp', 'tree/a', 'cache:/tmp'])).code).toBe(0)
      for (const index of ['1', '2']) {
        const seen = await host.compose('shop', ['exec', '-T', '--index', index, 'cache', 'cat', '/tmp/a'])
        expect(seen.stdout).toBe('text')
      }
      await host.compose('shop', ['scale', 'cache=1'])
    })

    it.each([
      [['cp', 'web:/nope', 'x'], 'Could not find the file /nope in container'],
      [['cp', '/nope', 'web:/tmp'], 'no such file or directory'],
      [['cp', 'tree', 'web:/keep/f'], 'cannot copy directory'],
      [['cp', 'tree/a', 'web:/no/such/dir/x'], 'Could not find the file /no/such/dir in container'],
      [['cp', 'tree/a', 'web:/none/'], 'no such directory'],
      [['cp', 'web:/keep', 'compose.yaml'], 'cannot copy directory'],
      [['cp', 'web:/keep/f', 'no/such/x'], 'does not exist'],
      [['cp', '-', 'web:/keep/f'], 'must be a directory'],
    ])('%j fails and says why', async (args, message) => {
      const result = await host.compose('shop', args)
      expect(result.code).toBe(1)
      expect(result.stderr).toContain(message)
    })

    it('changes nothing in a dry run', async () => {
      for (const args of [
        ['tree', 'web:/dry'],
        ['web:/keep', 'dry'],
      ]) {
        const result = await host.compose('shop', ['--dry-run', 'cp', ...args])
        expect(result.code, result.stderr).toBe(0)
        expect(result.stderr).toContain('Copied')
      }
      expect((await inside('ls /dry')).code).not.toBe(0)
      expect(await readdir(join(host.folder, 'shop'))).not.toContain('dry')
    })
  })

  it('commit makes an image with what was asked', async () => {
    const args = ['commit', '-a', 'me', '-m', 'why', '-c', 'ENV A=b', '-p=false', 'db', 'made/here:1']
    const result = await host.compose('shop', args)
    expect(result.code, result.stderr).toBe(0)
    const image = await inspectImage(host.engine, 'made/here:1')
    expect(image).toMatchObject({ Author: 'me', Comment: 'why', Config: { Env: expect.arrayContaining(['A=b']) } })
    expect(result.stderr).toContain(`Committed as ${image.Id}`)
    const dry = await host.changesDuring(() => host.compose('shop', ['--dry-run', 'commit', 'db', 'other']))
    expect(dry).toEqual([])
    expect((await host.compose('shop', ['commit', 'db', 'Bad:1'])).stderr).toContain('must be lowercase')
  })

  it('export writes the files of a container, whole or not at all', async () => {
    const [own, other] = [
      await host.compose('shop', ['export', 'db', '-o', 'own.tar']),
      await host.reference('shop', ['export', 'db', '-o', 'theirs.tar']),
    ]
    expect([own.code, other.code]).toEqual([0, 0])
    const size = async (name: string): Promise<number> => (await stat(join(host.folder, 'shop', name))).size
    expect(await size('own.tar')).toBe(await size('theirs.tar'))
    const piped = await host.compose('shop', ['export', 'db'])
    expect(piped.stdout.length).toBeGreaterThan(100_000)
    const nowhere = await host.compose('shop', ['export', 'db', '-o', 'no/such/x.tar'])
    expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringContaining('no/such" does not exist') })
    expect((await readdir(join(host.folder, 'shop'))).filter((name) => name.startsWith('own.tar'))).toEqual(['own.tar'])
  })

  it('export that is interrupted ends with 130, and blames no file', async () => {
    const grown = await host.compose('shop', ['exec', '-T', 'db', 'truncate', '-s', '3G', '/tmp/big'])
    expect(grown.code, grown.stderr).toBe(0)
    const started = async (): Promise<readonly string[]> =>
      (await readdir(join(host.folder, 'shop'))).filter((name) => name.startsWith('cut.tar'))
    const child = host.start('shop', ['export', 'db', '-o', 'cut.tar'])
    const ending = collect(child, 60_000)
    await host.eventually(async () => (await started()).length > 0)
    child.kill('SIGINT')
    const { code, stderr } = await ending
    expect({ code, stderr }).toEqual({ code: 130, stderr: expect.not.stringContaining('cannot write') })
    expect(await started()).toEqual([])
    await host.compose('shop', ['exec', '-T', 'db', 'rm', '/tmp/big'])
  })

  it('alpha generate writes a file that brings the same up', async () => {
    const result = await host.compose('shop', ['alpha', 'generate', '--name', 'copy', 'shop-web-1', 'shop-db-1'])
    expect(result.code, result.stderr).toBe(0)
    await host.write('copy', { 'compose.yaml': result.stdout })
    const config = await host.compose('copy', ['config', '--format', 'json'])
    expect(config.code, config.stderr + result.stdout).toBe(0)
    const { services } = JSON.parse(config.stdout) as { services: Record<string, Record<string, unknown>> }
    expect(services['web']).toMatchObject({
      image: sampleImage,
      command: ['/bin/idle'],
      ports: [{ published: '18381', target: 80 }],
    })
    expect(Object.keys(services)).toEqual(['db', 'web'])
    expect((await host.compose('shop', ['alpha', 'generate', 'nope'])).stderr).toContain('no such container: nope')
  })

  it('wait ends with the code of the container that ended last', async () => {
    await host.write('ends', {
      'compose.yaml': `
services:
  soon: { image: ${sampleImage}, command: ["sh", "-c", "sleep 2; exit 3"], network_mode: none }
  late: { image: ${sampleImage}, command: ["sh", "-c", "sleep 4; exit 5"], network_mode: none }
  stays: { image: ${sampleImage}, command: ["/bin/idle"], network_mode: none, stop_grace_period: 1s }
`,
    })
    expect((await host.compose('ends', ['up', '-d'])).code).toBe(0)
    const [soon] = await host.containers('ends').then((all) => all.filter((entry) => entry.name === 'ends-soon-1'))
    const result = await host.compose('ends', ['wait', 'soon', 'late'])
    expect(result.code).toBe(5)
    expect(result.stdout.split('\n')[0]).toBe(`container "${soon?.id}" exited with status code 3`)
    const down = await host.compose('ends', ['wait', '--down-project', 'soon'])
    expect(down.code).toBe(3)
    expect(await host.containers('ends')).toEqual([])
  })

  it('kill leaves containers of services the file no longer has, unless told otherwise', async () => {
    await host.write('old', {
      'compose.yaml': `services: { a: { image: ${sampleImage} }, gone: { image: ${sampleImage} } }\n`,
    })
    expect((await host.compose('old', ['up', '-d'])).code).toBe(0)
    await host.write('old', { 'compose.yaml': `services: { a: { image: ${sampleImage} } }\n` })
    await host.compose('old', ['kill'])
    const running1 = async (): Promise<unknown> =>
      (await host.containers('old')).filter((entry) => entry.state === 'running').map((entry) => entry.name)
    expect(await running1()).toEqual(['old-gone-1'])
    expect((await host.compose('old', ['kill', '--remove-orphans'])).code).toBe(0)
    expect(await running1()).toEqual([])
    await host.compose('old', ['down', '--remove-orphans'])
  })

  it('ps takes what Compose v1 took, and the format the user is used to', async () => {
    const names = await host.compose('shop', ['ps', '--filter', 'source=image', '--format', '{{.Name}}'])
    expect(names.stdout).toContain('shop-db-1')
    expect((await host.compose('shop', ['ps', '-q', '--filter', 'source=build'])).stdout).toBe('')
    const config = join(host.folder, 'config')
    await mkdir(config)
    await writeFile(join(config, 'config.json'), '{"psFormat":"{{.Name}}!"}')
    const used = new ComposeHost(host.engine, { ...host.env, DOCKER_CONFIG: config }, host.folder)
    expect((await used.compose('shop', ['ps', 'db'])).stdout).toBe('shop-db-1!\n')
    expect((await used.compose('shop', ['ps', '--format', '{{.State}}', 'db'])).stdout).toBe('running\n')
  })
})
