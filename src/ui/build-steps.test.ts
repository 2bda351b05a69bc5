import { expect, it } from 'vitest'
import type { ProgressEvent } from '../core/progress.ts'
import { showSteps } from './build-steps.ts'
import type { StepsMode } from './build-steps.ts'

const step: ProgressEvent = {
  id: 'web #1 RUN x',
  parentId: 'web',
  status: 'working',
  text: 'Running',
  isBuildStep: true,
}
const said: ProgressEvent = { ...step, output: 'hello' }

function show(mode?: StepsMode): { readonly emitted: readonly ProgressEvent[]; readonly printed: string } {
  const emitted: ProgressEvent[] = []
  let printed = ''
  const take = showSteps(
    { emit: (event) => void emitted.push(event), print: (text) => void (printed += text), tail() {}, stop() {} },
    mode,
  )
  for (const event of [step, step, said]) take(event)
  return { emitted, printed }
}

it('steps of builds are part of the picture', () => {
  expect(show()).toEqual({ emitted: [step, step, said], printed: '' })
})

it('steps of builds are lines beside the picture, without repeats', () => {
  expect(show('plain')).toEqual({ emitted: [], printed: ' web #1 RUN x  Running\n web #1 RUN x  | hello\n' })
})

it('steps of builds are objects', () => {
  const { emitted, printed } = show('json')
  expect(emitted).toEqual([])
  const objects = printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  expect(objects.at(-1)).toMatchObject({ id: 'web #1 RUN x', parent_id: 'web', details: 'hello' })
})

it('steps of builds are not shown', () => {
  expect(show('quiet')).toEqual({ emitted: [], printed: '' })
})
