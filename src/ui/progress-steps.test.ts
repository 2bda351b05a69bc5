import { describe, expect, it } from 'vitest'
import type { ProgressEvent } from '../core/progress.ts'
import { readStepMode, withStepsApart } from './progress-steps.ts'
import type { StepMode } from './progress-steps.ts'

const step = { id: 'web #1 [1/2] RUN y', parentId: 'web', status: 'working', text: 'Running' } as const
const story: readonly ProgressEvent[] = [
  { id: 'web', status: 'working', text: 'Building' },
  step,
  { ...step, current: 10 },
  { ...step, current: 20 },
  { ...step, output: 'a line' },
  { ...step, output: 'a line' },
  { ...step, status: 'done', text: 'Done 0.1s' },
  { id: 'abc', parentId: 'db', status: 'working', text: 'Downloading', isTransfer: true },
  { id: 'web', status: 'done', text: 'Built' },
]

/** What goes on into the picture, and what is written above it. */
function play(mode: StepMode, prefix?: string): { readonly painted: readonly string[]; readonly printed: string } {
  const painted: string[] = []
  let printed = ''
  const painter = withStepsApart(
    {
      emit: ({ id, text }) => void painted.push(`${id} ${text}`),
      print: (text) => void (printed += text),
      tail() {},
      stop() {},
    },
    mode,
    prefix,
  )
  for (const event of story) painter.emit(event)
  return { painted, printed }
}

describe('steps of builds apart from all else', () => {
  it.each(['plain', 'json', 'quiet'] as const)('%s leaves the picture to images and layers', (mode) => {
    expect(play(mode).painted).toEqual(['web Building', 'abc Downloading', 'web Built'])
  })

  it('plain writes each line of each step, and no counting', () => {
    expect(play('plain', 'DRY-RUN MODE - ').printed).toBe(
      [
        ' DRY-RUN MODE -  web #1 [1/2] RUN y  Running',
        ' DRY-RUN MODE -  web #1 [1/2] RUN y  | a line',
        ' DRY-RUN MODE -  web #1 [1/2] RUN y  | a line',
        ' DRY-RUN MODE -  web #1 [1/2] RUN y  Done 0.1s',
        '',
      ].join('\n'),
    )
  })

  it('json writes an object for each, quiet nothing', () => {
    const objects = play('json').printed.trimEnd().split('\n')
    expect(objects).toHaveLength(6)
    expect(JSON.parse(objects[3] ?? '')).toEqual({
      id: 'web #1 [1/2] RUN y',
      parent_id: 'web',
      text: 'Running',
      details: 'a line',
    })
    expect(play('quiet').printed).toBe('')
  })

  it('the values are those of buildx; others change nothing', () => {
    expect(['plain', 'rawjson', 'quiet', 'auto', 'tty', 'json', '', undefined].map(readStepMode)).toEqual([
      'plain',
      'json',
      'quiet',
      ...Array.from({ length: 5 }),
    ])
  })
})
