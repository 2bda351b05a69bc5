import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { swarm } from '../../cli/personality.ts'
import { run } from '../../cli/run.ts'
import { chainStart, renderFields, renderLine } from '../../cluster/audit/line.ts'
import type { AuditFields } from '../../cluster/audit/line.ts'
import { builtins } from '../../plugin/builtins.generated.ts'
import { makeRegistry } from '../../plugin/make-registry.ts'
import { manualClock } from '../../testing/manual-clock.ts'
import { readAuditSettings } from './audit-options.ts'
import { swarmCommands, swarmGlobals } from './table.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flotilla-audit-cli-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function call(...argv: readonly string[]): Promise<Result> {
  const sent = { stdout: '', stderr: '' }
  const collect = (name: 'stdout' | 'stderr'): Writable =>
    new Writable({
      write(piece: Buffer, _encoding, done) {
        sent[name] += piece.toString()
        done()
      },
    })
  const code = await run(
    { personality: swarm, globals: swarmGlobals, commands: swarmCommands },
    {
      argv,
      stdin: new PassThrough(),
      stdout: collect('stdout'),
      stderr: collect('stderr'),
      env: {},
      cwd: folder,
      clock: manualClock(Date.UTC(2026, 0, 2, 12)),
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
      plugins: makeRegistry(builtins),
      onSignal: () => () => {},
      onUncaught: () => () => {},
    },
  )
  return { code, ...sent }
}

const ann = { who: 'ann', how: 'certificate', from: '10.0.0.1' }
const bob = { who: 'bob', how: 'token', from: 'unix socket' }
const at = (hour: number): string => `2026-01-02T${String(hour).padStart(2, '0')}:00:00.000Z`
const lines: readonly AuditFields[] = [
  { time: at(8), kind: 'manager', who: 'manager', what: 'start', version: '1' },
  {
    time: at(9),
    kind: 'done',
    request: 'a',
    ...ann,
    method: 'POST',
    path: '/containers/create',
    node: 'n1',
    status: 201,
    ms: 12,
  },
  { time: at(10), kind: 'asked', request: 'b', ...bob, method: 'POST', path: '/containers/web/attach' },
  {
    time: at(10),
    kind: 'done',
    request: 'b',
    ...bob,
    method: 'POST',
    path: '/containers/web/attach',
    node: 'n1',
    status: 101,
    ms: 5,
  },
  { time: at(11), kind: 'asked', request: 'c', ...ann, via: '10.0.0.8:1', method: 'POST', path: '/exec/1/start' },
  {
    time: at(11),
    kind: 'done',
    request: 'd',
    ...ann,
    method: 'DELETE',
    path: '/containers/x',
    status: 404,
    error: 'No such\u001b container',
    ms: 1,
  },
  { time: at(11), kind: 'manager', who: 'manager', what: 'drain', name: 'web', from: 'n1', node: 'n2' },
  { time: at(11), kind: 'gap', lost: 3, refused: 2, since: at(10) },
]

/** The log in two segments. @returns its last line's number and hash */
async function writeLog(): Promise<string> {
  let end = chainStart
  const texts = lines.map((fields) => {
    const line = renderLine(renderFields(fields), end)
    end = line.end
    return `${line.text}\n`
  })
  await writeFile(join(folder, 'log.1'), texts.slice(0, 3).join(''))
  await writeFile(join(folder, 'log'), texts.slice(3).join(''))
  return `${end.seq}:${end.hash}`
}

describe('swarm audit verify', () => {
  it('says how far a log reaches, what it lacks, and how it ends', async () => {
    const end = await writeLog()
    expect(await call('audit', 'verify', 'log')).toEqual({
      code: 0,
      stdout: [
        `${folder}/log: 8 lines in 2 segments hold together, from 1 (${at(8)}) to 8 (${at(11)})`,
        `line 8: 3 lines could not be written, 2 requests were turned away, from ${at(10)} to ${at(11)}`,
        end,
        '',
      ].join('\n'),
      stderr: '',
    })
    expect((await call('audit', 'verify', '--expect', end, 'log')).code).toBe(0)
    await writeFile(join(folder, 'empty'), '')
    expect(await call('audit', 'verify', 'empty')).toMatchObject({ code: 0, stdout: `${folder}/empty: no lines\n` })
  })

  it('fails at the first line that does not fit, and names it', async () => {
    const end = await writeLog()
    const text = await readFile(join(folder, 'log'), 'utf8')
    await writeFile(join(folder, 'log'), text.replace('"status":404', '"status":204'))
    const changed = await call('audit', 'verify', 'log')
    expect(changed).toMatchObject({ code: 1, stdout: '' })
    expect(changed.stderr).toContain(
      `audit log broken at "${folder}/log" line 3: it was changed: its hash does not fit`,
    )
    await writeFile(join(folder, 'log'), text.split('\n').slice(0, 3).join('\n') + '\n')
    expect((await call('audit', 'verify', 'log')).code).toBe(0)
    const short = await call('audit', 'verify', 'log', '--expect', end)
    expect(short).toMatchObject({ code: 1, stdout: '' })
    expect(short.stderr).toContain('line 8 is expected, and the log ends with 6: lines were cut off its end')
  })

  it.each([
    [['audit', 'verify'], "swarm audit verify takes one file. See 'swarm audit verify --help'."],
    [['audit', 'verify', 'a', 'b'], 'takes one file'],
    [['audit', 'verify', 'none'], 'none": no such file'],
    [['audit', 'verify', 'none', '--expect', '7'], '--expect "7" is not NUMBER:HASH'],
    [['audit', 'show', 'none', '--since', 'noon'], '--since "noon" is not a time like 2026-01-02T03:04:05Z'],
    [['audit', 'show', 'none'], 'none": no such file'],
  ])('%j is refused', async (argv, text) => {
    const { code, stderr } = await call(...argv)
    expect(code).not.toBe(0)
    expect(stderr).toContain(text)
  })
})

describe('swarm audit show', () => {
  const rowsOf = ({ stdout }: Result): readonly string[] => stdout.trimEnd().split('\n').slice(1)

  it('prints a row for each request and what the manager did', async () => {
    await writeLog()
    const shown = await call('audit', 'show', 'log')
    expect(shown).toMatchObject({ code: 0, stderr: '' })
    expect(shown.stdout.split('\n').map((row) => row.replace(/ {2,}/g, '  ').trimEnd())).toEqual([
      'TIME  WHO  FROM  WHAT  PATH  NODE  STATUS  MS  ERROR',
      `${at(8)}  manager  -  start  -  -  -  -`,
      `${at(9)}  ann  10.0.0.1  POST  /containers/create  n1  201  12`,
      `${at(10)}  bob  unix socket  POST  /containers/web/attach  n1  101  5`,
      `${at(11)}  ann  10.0.0.1 via 10.0.0.8:1  POST  /exec/1/start  -  asked  -`,
      `${at(11)}  ann  10.0.0.1  DELETE  /containers/x  -  404  1  No such\ufffd container`,
      `${at(11)}  manager  n1  drain  web  n2  -  -`,
      `${at(11)}  -  -  gap  -  -  -  -  3 lines lost, 2 requests refused`,
      '',
    ])
  })

  it.each<[readonly string[], readonly string[]]>([
    [['--user', 'bob'], ['/containers/web/attach']],
    [['--failed'], ['/containers/x', '3 lines lost']],
    [['--path', '/exec'], ['/exec/1/start']],
    [['--path', '/containers/*/attach'], ['/containers/web/attach']],
    [['--since', '2026-01-02T09:00:00Z', '--until', '2026-01-02T10:00:00Z'], ['/containers/create']],
    [
      ['--since', '90m', '--user', 'ann'],
      ['/exec/1/start', '/containers/x'],
    ],
    [['--until', at(8)], []],
  ])('%j', async (flags, wanted) => {
    await writeLog()
    const rows = rowsOf(await call('audit', 'show', ...flags, 'log'))
    expect(rows).toHaveLength(wanted.length)
    for (const [index, text] of wanted.entries()) expect(rows[index]).toContain(text)
  })

  it('prints lines as they are, with what was asked, for other programs', async () => {
    await writeLog()
    const { stdout } = await call('audit', 'show', '--json', '--user', 'bob', 'log')
    const older = await readFile(join(folder, 'log.1'), 'utf8')
    const newer = await readFile(join(folder, 'log'), 'utf8')
    expect(stdout).toBe(`${older.split('\n')[2]}\n${newer.split('\n')[0]}\n`)
  })

  it('leaves out what was changed, and says so', async () => {
    await writeLog()
    await writeFile(
      join(folder, 'log'),
      (await readFile(join(folder, 'log'), 'utf8')).replace('"status":404', '"status":204'),
    )
    const { stdout, stderr } = await call('audit', 'show', 'log')
    expect(stdout).not.toContain('/containers/x')
    expect(stderr).toContain('1 lines are not as they were written: see swarm audit verify')
  })
})

describe('the options of the audit log', () => {
  it('are a file, a size and whether it is required', () => {
    expect(readAuditSettings(['swarm.wait=1m'])).toBeUndefined()
    expect(readAuditSettings(['swarm.audit='])).toBeUndefined()
    expect(readAuditSettings(['swarm.audit=a=b'])).toEqual({
      path: 'a=b',
      maxBytes: 512 * 1024 ** 2,
      isRequired: false,
    })
    expect(readAuditSettings(['swarm.audit=a', 'swarm.audit.size=1g', 'swarm.audit.required=true'])).toEqual({
      path: 'a',
      maxBytes: 1024 ** 3,
      isRequired: true,
    })
  })

  it.each([
    [['swarm.audit.size=x'], 'swarm.audit.size should be a size from 1m to 1t, "x" is invalid'],
    [['swarm.audit.size=1k'], 'swarm.audit.size should be a size from 1m to 1t, "1k" is invalid'],
    [['swarm.audit.required=yes'], 'swarm.audit.required should be true or false, "yes" is invalid'],
    [['swarm.audit.required=true'], 'swarm.audit.required=true needs swarm.audit=FILE'],
  ])('%j is refused', (options, message) => {
    expect(() => readAuditSettings(options)).toThrow(message)
  })

  it('keep a manager whose file cannot be opened from starting', async () => {
    const argv = ['manage', '--cluster-opt', `swarm.audit=${folder}/none/log`, 'nodes://127.0.0.1:1']
    const { code, stdout } = await call(...argv)
    expect(code).toBe(1)
    expect(stdout).toContain('none/log')
    expect(stdout).toContain('no such file or directory')
  })
})
