import { describe, expect, it } from 'vitest'
import { renderFormat } from './format.ts'
import { makeTerminal } from './process-terminal.ts'
import type { TerminalStream } from './process-terminal.ts'
import { renderTable } from './table.ts'
import { truncateText } from './width.ts'

describe('tables', () => {
  it('columns are as wide as their widest cell, the last cell is not padded', () => {
    expect(
      renderTable(
        ['NAME', 'STATE'],
        [
          ['a-long-name-here', 'Running'],
          ['b', ''],
        ],
      ),
    ).toBe(['NAME               STATE', 'a-long-name-here   Running', 'b                  '].join('\n'))
  })

  it('short columns take ten columns as in docker, five as in docker-machine', () => {
    expect(renderTable(['A', 'B'], [['1', '2']])).toBe('A         B\n1         2')
    expect(renderTable(['A', 'B'], [['1', '2']], { minWidth: 5 })).toBe('A    B\n1    2')
  })

  it('wide letters count two columns and control characters cannot get out of a cell', () => {
    expect(
      renderTable(
        [],
        [
          ['日本', 'x'],
          ['a\u001b[2J\nb', 'y\u202e'],
        ],
        { minWidth: 1 },
      ),
    ).toBe('日本      x\na\ufffd[2J b   y\ufffd')
  })

  it('a format that begins with table is lined up under its headings', () => {
    const rows = [
      { Name: 'm1', Driver: 'local' },
      { Name: 'other', Driver: 'none' },
    ]
    const headings = { Name: 'NAME', Driver: 'DRIVER' }
    expect(renderFormat('table {{.Name}}\\t{{.Driver}}', headings, rows)).toBe(
      'NAME      DRIVER\nm1        local\nother     none\n',
    )
    expect(renderFormat('{{.Name}}', headings, rows)).toBe('m1\nother\n')
    expect(renderFormat('{{.Name}}', headings, [])).toBe('')
  })

  it('text is cut by columns, with an ellipsis', () => {
    expect([
      truncateText('abcdef', 4),
      truncateText('abc', 3),
      truncateText('日本語', 4),
      truncateText('abc', 0),
    ]).toEqual(['abc…', 'abc', '日…', ''])
  })
})

describe('the terminal of a process', () => {
  const stream = (isTTY: boolean, columns?: number): TerminalStream => ({
    isTTY,
    ...(columns === undefined ? {} : { columns }),
    on() {},
    off() {},
  })

  function depth(env: Readonly<Record<string, string>>, isTty = true): number {
    return makeTerminal({ stdin: {}, stdout: stream(isTty), stderr: stream(false), env }).colorDepth
  }

  it('colour follows NO_COLOR, TERM, COLORTERM and what stands at the other end', () => {
    expect([
      depth({ TERM: 'xterm' }),
      depth({ TERM: 'xterm-256color' }),
      depth({ TERM: 'xterm', COLORTERM: 'truecolor' }),
      depth({ TERM: 'xterm', NO_COLOR: '1' }),
      depth({ TERM: 'dumb' }),
      depth({ TERM: 'xterm' }, false),
      depth({ TERM: 'xterm', FORCE_COLOR: '1' }, false),
    ]).toEqual([1, 2, 3, 0, 0, 0, 1])
  })

  it('sizes come from the stream, then the environment, then 80 by 24', () => {
    const size = (columns: number | undefined, env: Readonly<Record<string, string>>): number =>
      makeTerminal({ stdin: {}, stdout: stream(true, columns), stderr: stream(false), env }).columns()
    expect([
      size(132, { COLUMNS: '99' }),
      size(undefined, { COLUMNS: '99' }),
      size(0, {}),
      size(undefined, { COLUMNS: 'x' }),
    ]).toEqual([132, 99, 80, 80])
  })
})
