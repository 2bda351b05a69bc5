import { PassThrough, Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { makeLogPainter } from './log-prefix.ts'
import type { LogPainter } from './log-prefix.ts'
import { promptConfirm, promptLine } from './prompt.ts'
import type { Terminal } from './terminal.ts'

function painter(options: { readonly hasColour?: boolean; readonly hasPrefix?: boolean } = {}): {
  readonly logs: LogPainter
  readonly sent: { stdout: string; stderr: string }
} {
  const sent = { stdout: '', stderr: '' }
  const collect = (name: 'stdout' | 'stderr'): Writable =>
    new Writable({
      write(piece: Buffer, _encoding, done) {
        sent[name] += piece.toString()
        done()
      },
    })
  const terminal = { colorDepth: 0 } as Terminal
  return { logs: makeLogPainter({ stdout: collect('stdout'), stderr: collect('stderr'), terminal, ...options }), sent }
}

describe('log prefixes', () => {
  it('line up, and lines that come in pieces are put together', () => {
    const { logs, sent } = painter()
    logs.announce('web-1')
    logs.announce('database-1')
    logs.write('web-1', 'stdout', 'hel')
    logs.write('database-1', 'stderr', 'ready\n')
    logs.write('web-1', 'stdout', 'lo\r\nsecond\nunfinished')
    logs.note('web-1 exited with code 0')
    logs.end('web-1')
    expect(sent).toEqual({
      stdout: 'web-1       | hello\nweb-1       | second\nweb-1 exited with code 0\nweb-1       | unfinished\n',
      stderr: 'database-1  | ready\n',
    })
  })

  it('have the colours of the wheel by order of names, or none at all', () => {
    const coloured = painter({ hasColour: true })
    coloured.logs.write('a', 'stdout', '1\n')
    coloured.logs.write('b', 'stdout', '2\n')
    expect(coloured.sent.stdout).toBe('\u001b[36ma  | \u001b[0m1\n\u001b[33mb  | \u001b[0m2\n')
    const bare = painter({ hasPrefix: false })
    bare.logs.write('a', 'stdout', '1\n')
    expect(bare.sent.stdout).toBe('1\n')
  })
})

describe('more than five names', () => {
  it('go on in bold, then from the start', () => {
    const { logs, sent } = painter({ hasColour: true })
    for (const name of 'abcdefghijk') logs.write(name, 'stdout', 'x\n')
    const codes = [...sent.stdout.matchAll(/\u001b\[([\d;]+)m[a-k] /g)].map((match) => match[1])
    expect(codes.join(' ')).toBe('36 33 32 35 34 1;36 1;33 1;32 1;35 1;34 36')
  })
})

describe('lines about followed files', () => {
  it('have a mark where the names stand, and no mark without prefixes', () => {
    const coloured = painter({ hasColour: true })
    coloured.logs.announce('web-1')
    coloured.logs.watchNote('Watch enabled')
    expect(coloured.sent.stdout).toBe('\u001b[92m       ⦿ \u001b[0mWatch enabled\n')
    const bare = painter({ hasPrefix: false })
    bare.logs.watchNote('Watch enabled')
    expect(bare.sent.stdout).toBe('Watch enabled\n')
  })
})

describe('prompts', () => {
  async function ask(input: string | undefined): Promise<readonly [boolean, string]> {
    const stdin = new PassThrough()
    const stdout = new PassThrough()
    if (input !== undefined) stdin.write(input)
    stdin.end()
    const answer = await promptConfirm('Sure? (y/n): ', { stdin, stdout })
    return [answer, String(stdout.read())]
  }

  it('only yes is yes; no input is no', async () => {
    const asked = 'Sure? (y/n): '
    expect(await Promise.all([ask('y\n'), ask('YES\n'), ask('n\n'), ask('yonder\n'), ask(undefined)])).toEqual([
      [true, asked],
      [true, asked],
      [false, asked],
      [false, asked],
      [false, asked],
    ])
  })

  it('an interrupted question is cancelled', async () => {
    const abort = new AbortController()
    const asking = promptLine('? ', { stdin: new PassThrough(), stdout: new PassThrough(), signal: abort.signal })
    abort.abort()
    await expect(asking).rejects.toMatchObject({ code: 'cli/cancelled' })
  })
})
