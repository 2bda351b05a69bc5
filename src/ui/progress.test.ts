import { Writable } from 'node:stream'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../core/clock.ts'
import type { ProgressEvent } from '../core/progress.ts'
import { applyProgress, renderFrame } from './progress-frame.ts'
import type { ProgressState } from './progress-frame.ts'
import { chooseProgressMode, loadProgress } from './progress.ts'
import { titleOf } from './progress-title.ts'
import type { ProgressTitle } from './progress-title.ts'
import type { ProgressMode, ProgressPainter } from './progress.ts'
import { makeStyle } from './style.ts'
import type { Terminal } from './terminal.ts'
import { textWidth } from './width.ts'

const plain = makeStyle({ colorDepth: 0 })

const story: readonly (readonly [number, ProgressEvent])[] = [
  [0, { id: 'Network app_default', status: 'working', text: 'Creating' }],
  [100, { id: 'Network app_default', status: 'done', text: 'Created' }],
  [100, { id: 'Image web', status: 'working', text: 'Pulling' }],
  [200, { id: 'a1b2', parentId: 'Image web', status: 'working', text: 'Downloading', current: 30, total: 100 }],
  [300, { id: 'Container app-web-1', status: 'error', text: 'Error', detail: 'no such\nimage' }],
]

function play(events: typeof story): ProgressState {
  return events.reduce<ProgressState>((state, [atMs, event]) => applyProgress(state, event, atMs), new Map())
}

function frame(columns: number, rows = 24): string {
  return renderFrame(play(story), { title: 'Running', columns, rows, nowMs: 1500, style: plain }).join('\n')
}

describe('a frame', () => {
  it('shows each thing with its state and time, parts as a share', () => {
    expect(frame(60)).toMatchInlineSnapshot(`
      "[+] Running 2/3
       ✓ Network app_default Created                          0.1s
       ⠼ Image web           Pulling 30%                      1.4s
       ✗ Container app-web-1 Error no such image              0.0s"
    `)
  })

  it('keeps what has happened in sight on a narrow terminal', () => {
    expect(frame(30)).toMatchInlineSnapshot(`
      "[+] Running 2/3
       ✓ Network app_d… Created
       ⠼ Image web      Pulling 30%
       ✗ Container app… Error no su…"
    `)
    expect(frame(19)).toMatchInlineSnapshot(`
      "[+] Running 2/3
       ✓ Netwo… Created
       ⠼ Image… Pulling …
       ✗ Conta… Error no…"
    `)
  })

  it('leaves out what ended first when there are too few lines', () => {
    expect(frame(60, 3)).toMatchInlineSnapshot(`
      "[+] Running 2/3
       ⠼ Image web           Pulling 30%                      1.4s
       ✗ Container app-web-1 Error no such image              0.0s"
    `)
  })

  it('never is wider or higher than the terminal', () => {
    const event = fc.record({
      id: fc.string({ unit: 'grapheme', maxLength: 40 }),
      status: fc.constantFrom('working' as const, 'done' as const, 'warning' as const, 'error' as const),
      text: fc.string({ maxLength: 20 }),
      detail: fc.string({ unit: 'grapheme', maxLength: 80 }),
    })
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 12 }),
        fc.integer({ min: 1, max: 120 }),
        fc.integer({ min: 2, max: 12 }),
        (events, columns, rows) => {
          const state = play(events.map((one) => [0, one] as const))
          const lines = renderFrame(state, { title: 'Running', columns, rows, nowMs: 99_000, style: plain })
          expect(lines.length).toBeLessThanOrEqual(rows)
          for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(columns)
        },
      ),
    )
  })
})

interface Show {
  readonly written: () => string
  readonly tick: () => Promise<void>
  readonly painter: ProgressPainter
}

async function show(mode: ProgressMode, prefix?: string, title?: ProgressTitle): Promise<Show> {
  let written = ''
  let now = 0
  const sleepers: (() => void)[] = []
  const stream = new Writable({
    write(piece: Buffer, _encoding, done) {
      written += piece.toString()
      done()
    },
  })
  const clock: Clock = {
    nowMs: () => now,
    monotonicMs: () => now,
    sleep: () => new Promise((resolve) => sleepers.push(resolve)),
  }
  const terminal: Terminal = {
    isTty: true,
    isStderrTty: true,
    isStdinTty: true,
    columns: () => 41,
    rows: () => 10,
    colorDepth: 0,
    onResize: () => () => {},
  }
  return {
    painter: (await loadProgress(mode))({
      stream,
      terminal,
      clock,
      ...(prefix !== undefined && { prefix }),
      ...(title !== undefined && { title }),
    }),
    written: () => written,
    async tick() {
      now += 100
      for (const wake of sleepers.splice(0)) wake()
      await Promise.resolve()
      await Promise.resolve()
    },
  }
}

describe('the painter', () => {
  it('repaints in place on a terminal, and leaves the cursor as it was after each picture, should it be killed', async () => {
    const { painter, written, tick } = await show('tty')
    painter.emit({ id: 'A', status: 'working', text: 'Creating' })
    await tick()
    painter.emit({ id: 'A', status: 'done', text: 'Created' })
    painter.print('a line of output\n')
    painter.stop()
    painter.stop()
    const text = written().replaceAll('\u001b', 'ESC').replaceAll('\r', 'CR')
    expect(text).toMatchInlineSnapshot(`
      "ESC[?25l[+] Running 0/1
       ⠙ A Creating                       0.1s
      ESC[?25hESC[?25lCRESC[2AESC[0Ja line of output
      [+] Running 1/1
       ✓ A Created                        0.1s
      ESC[?25hESC[?25lCRESC[2AESC[0J[+] Running 1/1
       ✓ A Created                        0.1s
      ESC[?25h"
    `)
  })

  it('begins a new picture where something under another title begins and all before has ended', async () => {
    const { painter, written } = await show('tty', undefined, 'Creating')
    const tell = (id: string, status: ProgressEvent['status'], text: string): void => painter.emit({ id, status, text })
    tell('web', 'working', 'Building')
    painter.emit({ id: 'web #1', parentId: 'web', status: 'done', text: 'Done' })
    tell('web', 'done', 'Built')
    tell('Network n', 'working', 'Creating')
    tell('Network n', 'done', 'Created')
    tell('Container a', 'working', 'Creating')
    // Not yet: one is still under way.
    tell('Network n', 'working', 'Starting')
    tell('Network n', 'done', 'Started')
    tell('Container a', 'done', 'Created')
    tell('Container a', 'working', 'Starting')
    tell('Container a', 'done', 'Started')
    painter.stop()
    const screen = written().replaceAll(/\u001b\[\?25[lh]/g, '')
    expect(screen.replaceAll('\u001b', 'ESC').replaceAll('\r', 'CR')).toMatchInlineSnapshot(`
      "[+] Building 1/1
       ✓ web Built                        0.0s
      [+] Creating 2/2
       ✓ Network n   Started              0.0s
       ✓ Container a Created              0.0s
      [+] Running 1/1
       ✓ Container a Started              0.0s
      "
    `)
  })

  it('writes lines once the picture is taken away, of things and not of their parts', async () => {
    const { painter, written } = await show('tty')
    painter.emit({ id: 'A', status: 'done', text: 'Started' })
    painter.stop()
    const before = written().length
    painter.emit({ id: 'A', status: 'working', text: 'Stopping' })
    painter.emit({ id: 'A', status: 'working', text: 'Stopping' })
    painter.emit({ id: 'A #1', parentId: 'A', status: 'working', text: 'Running' })
    painter.emit({ id: 'A', status: 'done', text: 'Stopped' })
    painter.stop()
    expect(written().slice(before)).toBe(' A  Stopping\n A  Stopped\n')
  })

  it('writes one line per change elsewhere, none for counting', async () => {
    const { painter, written } = await show('plain')
    painter.emit({ id: 'Image web', status: 'working', text: 'Pulling', current: 1, total: 9 })
    painter.emit({ id: 'Image web', status: 'working', text: 'Pulling', current: 2, total: 9 })
    painter.emit({ id: 'Image web', status: 'error', text: 'Error', detail: 'no\nimage' })
    painter.stop()
    expect(written()).toBe(' Image web  Pulling\n Image web  Error no image\n')
  })

  it('words of pulls and pushes stand where docker-compose 2.40 has them, and a closing line is one', async () => {
    const story: readonly ProgressEvent[] = [
      { id: 'web', status: 'working', text: 'Pulling', isTransfer: true },
      { id: 'abc', parentId: 'web', status: 'done', text: 'Pull complete', isTransfer: true },
      { id: 'web', status: 'error', text: 'Error', detail: 'no image', isTransfer: true },
    ]
    const plain = await show('plain')
    const json = await show('json')
    const quiet = await show('quiet')
    for (const { painter } of [plain, json, quiet]) {
      for (const event of story) painter.emit(event)
      painter.tail('that is all')
    }
    expect(plain.written()).toBe(' web Pulling \n abc Pull complete \n web Error no image\nthat is all\n')
    expect(json.written().trimEnd().split('\n')).toEqual([
      '{"id":"web","text":"Pulling"}',
      '{"id":"abc","parent_id":"web","text":"Pull complete","percent":100}',
      '{"id":"web","text":"Error","status":"no image"}',
      '{"tail":true,"text":"that is all"}',
    ])
    expect(quiet.written()).toBe('')
  })

  it('marks the lines of a dry run as docker-compose 2.40 does', async () => {
    const plain = await show('plain', 'DRY-RUN MODE - ')
    plain.painter.emit({ id: 'Container a', status: 'done', text: 'Started' })
    expect(plain.written()).toBe(' DRY-RUN MODE -  Container a  Started\n')
    const json = await show('json', 'DRY-RUN MODE - ')
    json.painter.emit({ id: 'Container a', status: 'done', text: 'Started' })
    expect(json.written()).toBe('{"dry-run":true,"id":"Container a","status":"Started"}\n')
  })

  it('writes objects with json and nothing with quiet', async () => {
    const json = await show('json')
    json.painter.emit({ id: 'a', parentId: 'b', status: 'working', text: 'Pulling', current: 1, total: 4 })
    expect(json.written()).toBe('{"id":"a","parent_id":"b","text":"Pulling","current":1,"total":4,"percent":25}\n')
    const thing = await show('json')
    thing.painter.emit({ id: 'Container a', status: 'done', text: 'Started' })
    thing.painter.emit({ id: 'Network n', status: 'warning', text: 'Resource is still in use' })
    expect(thing.written()).toBe(
      '{"id":"Container a","status":"Started"}\n{"id":"Network n","status":"Resource is still in use"}\n',
    )
    const quiet = await show('quiet')
    quiet.painter.emit({ id: 'a', status: 'done', text: 'Created' })
    expect(quiet.written()).toBe('')
  })

  it('the mode follows the flag, then the stream', () => {
    expect([
      chooseProgressMode(undefined, true),
      chooseProgressMode('auto', false),
      chooseProgressMode('none', true),
      chooseProgressMode('json', true),
    ]).toEqual(['tty', 'plain', 'quiet', 'json'])
  })
})

describe('the title of a picture', () => {
  // Seen with docker-compose 2.40 on terminals.
  it.each([
    ['Building', 'Running', 'Building'],
    ['Pushing', 'Publishing', 'Pushing'],
    ['Pulling', 'Pulling', 'Pulling'],
    ['Pulling', 'Creating', 'Running'],
    ['Starting', 'Creating', 'Running'],
    ['Starting', 'Restarting', 'Restarting'],
    ['Creating', 'Creating', 'Creating'],
    ['Stopping', 'Running', 'Running'],
  ] as const)('%s, where the command is %s: %s', (text, command, title) => {
    expect(titleOf({ id: 'x', status: 'working', text }, command)).toBe(title)
  })
})

describe('a thing made in steps', () => {
  const steps: typeof story = [
    [0, { id: 'web', status: 'working', text: 'Building' }],
    [0, { id: 'web #1 [1/2] FROM x', parentId: 'web', status: 'working', text: 'Running' }],
    [0, { id: 'web #1 [1/2] FROM x', parentId: 'web', status: 'done', text: 'Done 0.1s' }],
    [0, { id: 'web #2 [2/2] RUN y', parentId: 'web', status: 'working', text: 'Running' }],
    [0, { id: 'web #2 [2/2] RUN y', parentId: 'web', status: 'working', text: 'Running', output: 'a line' }],
    [0, { id: 'web #2 [2/2] RUN y', parentId: 'web', status: 'working', text: 'Running', output: 'a line' }],
  ]

  it('shows in a picture the step it is at and its last line', () => {
    const lines = renderFrame(play(steps), { title: 'Running', columns: 90, rows: 24, nowMs: 1500, style: plain })
    expect(lines[1]).toContain('web Building #2 [2/2] RUN y: a line')
    expect(lines).toHaveLength(2)
  })

  it('prints each line of output, also the same twice', async () => {
    let text = ''
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString()
        done()
      },
    })
    const painter = (await loadProgress('plain'))({ stream, terminal: {} as Terminal, clock: {} as Clock })
    for (const [, event] of steps) painter.emit(event)
    expect(text.match(/\| a line\n/g)).toHaveLength(2)
    expect(text).toContain(' web #1 [1/2] FROM x  Done 0.1s\n')
  })
})
