import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { isRoot } from './compose-host.ts'
import { programForms } from './programs.ts'
import { dockerClis, eventually, startCluster } from './swarm-cluster.ts'
import type { TestCluster } from './swarm-cluster.ts'

/** The audit log of a real manager over a real engine, used by the docker command. */

type Line = Readonly<Record<string, unknown>>

const cli = dockerClis[0]?.path ?? 'docker'

async function audit(...argv: readonly string[]): Promise<{ readonly code: number | null; readonly text: string }> {
  const form = programForms.find((each) => each.name === 'executable') ?? programForms[0]
  if (form === undefined) throw new Error('no program form')
  const result = await form.run('swarm', ['audit', ...argv])
  return { code: result.code, text: result.stdout + result.stderr }
}

function readLines(path: string): readonly Line[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as Line)
}

describe.runIf(isRoot)('the audit log (needs root on Linux)', () => {
  let cluster: TestCluster
  let path = ''
  beforeAll(async () => {
    const name = `/tmp/flotilla-audit-${process.pid}.log`
    path = name
    cluster = await startCluster({ engines: ['28.5'], namePrefix: 'aud' }, ['--cluster-opt', `swarm.audit=${path}`])
  })
  afterAll(async () => {
    await cluster?.down()
    for (const end of ['', '.torn', '.lock']) rmSync(`${path}${end}`, { force: true })
  })
  afterEach(async () => {
    await cluster.shell(cli, '$D ps -aq | xargs -r $D rm -fv; true')
  })

  async function ok(line: string): Promise<string> {
    const result = await cluster.shell(cli, line)
    expect(result.code, `${line}\n${result.stdout}${result.stderr}`).toBe(0)
    return result.stdout
  }

  it('has a line for what docker changes, with none of the secrets that are planted', async () => {
    await ok(
      `$D run -d --name db -e DB_PASSWORD=canary1 -e URL=pg://joe:canary2@h/x --label app.token=canary3 $I sleep 1000`,
    )
    await ok('$D exec -e API_KEY=canary4 db sh -c "PASSWORD=canary5 true"')
    await ok('$D logs db; $D ps; $D inspect db; $D cp db:/etc/passwd - >/dev/null')
    await cluster.shell(cli, '$D login -u joe -p canary6 127.0.0.1:1')
    mkdirSync(join(cluster.folder, 'ctx'))
    writeFileSync(join(cluster.folder, 'ctx', 'Dockerfile'), 'FROM flotilla/sample\nARG TOKEN\nRUN true\n')
    await ok(`DOCKER_BUILDKIT=0 $D build --build-arg TOKEN=canary7 -t built ${cluster.folder}/ctx`)
    await cluster.shell(cli, '$D pull https://joe:canary8@127.0.0.1:1/x; $D pull 127.0.0.1:1/nothing')
    await ok('$D rm -f db')
    await eventually(() => readLines(path).some(({ method }) => method === 'DELETE'), 5000, 'the last line')
    expect(readFileSync(path, 'utf8').match(/canary\d/g) ?? []).toEqual([])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const lines = readLines(path)
    const done = lines.filter(({ kind }) => kind === 'done')
    const of = (method: string, start: RegExp): Line | undefined =>
      done.find((line) => line['method'] === method && start.test(String(line['path'])))
    expect(of('POST', /^\/containers\/create$/)).toMatchObject({
      who: 'unknown',
      how: 'socket',
      from: 'unix socket',
      node: 'aud1',
      status: 201,
      query: { name: 'db' },
      body: {
        Image: 'flotilla/sample',
        Cmd: ['sleep', '1000'],
        // In an order that the docker command leaves to chance.
        Env: expect.toSatisfy(
          (env: readonly string[]) => env.toSorted().join() === 'DB_PASSWORD=***,URL=pg://***@h/x',
        ) as string[],
        Labels: { 'app.token': '***' },
      },
    })
    const exec = of('POST', /^\/containers\/db\/exec$/)
    expect(exec).toMatchObject({ body: { Env: ['API_KEY=***'], Cmd: ['sh', '-c', 'PASSWORD=*** true'] }, status: 201 })
    expect(of('POST', /^\/exec\//)).toMatchObject({
      path: `/exec/${String(exec?.['id'])}/start`,
      status: 101,
      node: 'aud1',
    })
    const build = of('POST', /^\/build$/)
    expect(build).toMatchObject({ status: 200 })
    expect(lines.find(({ kind, request }) => kind === 'asked' && request === build?.['request'])).toMatchObject({
      query: { buildargs: { TOKEN: '***' } },
    })
    const pull = of('POST', /^\/images\/create$/)
    expect(pull).toMatchObject({ status: 200, error: expect.stringMatching(/refused/) as string })
    expect(of('DELETE', /^\/containers\/db$/)).toMatchObject({ status: 204, node: 'aud1' })
    expect(lines.filter(({ path: where }) => /\/(?:logs|json|archive|auth|wait)$/.test(String(where)))).toEqual([])
    expect((await audit('verify', path)).code).toBe(0)
    const shown = await audit('show', '--failed', path)
    expect(shown.text).toMatch(/ POST +\/images\/create +aud1 +200 +\d+ +.*refused/)
  })

  it('goes on with its chain after a SIGKILL, and puts aside half a line', async () => {
    const before = readLines(path).length
    cluster.manager.kill('SIGSTOP')
    writeFileSync(path, '{"seq":', { flag: 'a' })
    await cluster.restartManager()
    await eventually(async () => (await cluster.docker(cli, ['ps'])).code === 0, 20_000, 'the new manager')
    const after = readLines(path)
    expect(after[before]).toMatchObject({ seq: before + 1, what: 'start', torn: { bytes: 7, kept: `${path}.torn` } })
    expect(readFileSync(`${path}.torn`, 'utf8')).toBe('{"seq":\n')
    const verified = await audit('verify', path)
    expect(verified.code, verified.text).toBe(0)
  })

  it('shows what is done to its file', async () => {
    const text = readFileSync(path, 'utf8')
    const end = (await audit('verify', path)).text.trimEnd().split('\n').at(-1) ?? ''
    const copy = `${path}-copy`
    const lines = text.trimEnd().split('\n')
    const verify = async (changed: string, ...flags: readonly string[]): Promise<string> => {
      writeFileSync(copy, changed)
      const { code, text: said } = await audit('verify', ...flags, copy)
      return `${code} ${said}`
    }
    try {
      expect(await verify(text, '--expect', end)).toMatch(/^0 /)
      expect(await verify(text.replace('"status":101', '"status":500'))).toMatch(/^1 .*line \d+: it was changed/s)
      expect(await verify(lines.toSpliced(2, 1).join('\n') + '\n')).toMatch(
        /^1 .*line 3: it is number 4 after 2: a line is missing/s,
      )
      expect(await verify(lines.slice(0, -1).join('\n') + '\n', '--expect', end)).toMatch(
        /^1 .*lines were cut off its end/s,
      )
      expect(await verify(text.slice(0, -9))).toMatch(/^1 .*it is cut off/s)
    } finally {
      rmSync(copy, { force: true })
    }
  })
})

describe.runIf(isRoot)('an audit log that is required, on a small disk (needs root on Linux)', () => {
  let cluster: TestCluster | undefined
  const disk = `/tmp/flotilla-audit-disk-${process.pid}`
  beforeAll(async () => {
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk])
    const flags = [`swarm.audit=${disk}/log`, 'swarm.audit.required=true'].flatMap((each) => ['--cluster-opt', each])
    cluster = await startCluster({ engines: ['28.5'], namePrefix: 'adr' }, flags)
  })
  afterAll(async () => {
    try {
      await cluster?.down()
    } finally {
      execFileSync('umount', ['-l', disk])
      rmSync(disk, { recursive: true, force: true })
    }
  })

  it('refuses changes while the disk is full, serves reads, and goes on when there is room', async () => {
    const bed = cluster as TestCluster
    const run = (line: string): ReturnType<TestCluster['shell']> => bed.shell(cli, line)
    expect((await run('$D run -d --name one $I sleep 1000')).code).toBe(0)
    await run(`head -c 1m /dev/zero >${disk}/filler`)
    // What room is left in the last page of the log is soon used.
    await eventually(
      async () => (await run('$D kill -s CONT one')).stderr.includes('no space left on device'),
      30_000,
      'the first refusal',
    )
    const refused = await run('$D run -d --name two $I sleep 1000')
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain(
      'nothing was done: the audit log is required (swarm.audit.required) and cannot be written',
    )
    expect((await run('$D rm -f one')).code).not.toBe(0)
    expect((await run('$D ps -a --format "{{.Names}}"')).stdout).toBe('adr1/one\n')
    expect((await run('$D logs one')).code).toBe(0)
    const metrics = await run(`curl -s --unix-socket ${bed.socket} http://x/flotilla/metrics`)
    expect(metrics.stdout).toContain('\nflotilla_audit_up 0\n')
    expect(bed.log().match(/audit log cannot be written/g)).toHaveLength(1)
    await bed.restartManager()
    await eventually(async () => (await run('$D ps')).code === 0, 20_000, 'a manager on a full disk')
    rmSync(`${disk}/filler`)
    await eventually(async () => (await run('$D rm -f one')).code === 0, 20_000, 'a change')
    await eventually(() => readLines(`${disk}/log`).at(-1)?.['method'] === 'DELETE', 5000, 'its line')
    expect(readdirSync(disk).filter((name) => name === 'log.torn')).toEqual([])
    const verified = await audit('verify', `${disk}/log`)
    expect(verified.code, verified.text).toBe(0)
    const kinds = readLines(`${disk}/log`).map(({ kind }) => kind)
    expect(kinds.slice(-2)).toEqual(['asked', 'done'])
  })
})
