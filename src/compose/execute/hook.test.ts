import { Buffer } from 'node:buffer'
import { expect, it } from 'vitest'
import { createContainer, removeContainer } from '../../engine/api/containers.ts'
import { openEngine } from '../../engine/client.ts'
import type { OutputChunk } from '../../engine/streams.ts'
import { systemClock } from '../../io/clock.ts'
import { service } from '../../testing/compose-builders.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import { relay, runHook } from './hook.ts'
import type { HookOutput } from './hook.ts'

async function* pieces(
  ...chunks: readonly (readonly ['stdout' | 'stderr', string | Buffer])[]
): AsyncGenerator<OutputChunk> {
  for (const [stream, data] of chunks) yield { stream, data: Buffer.from(data) }
}

async function heard(output: AsyncIterable<OutputChunk>): Promise<readonly string[]> {
  const seen: HookOutput[] = []
  await relay(output, 'web-1 ->', { hookOutput: (piece) => seen.push(piece) })
  return seen.map(({ stream, text }) => `${stream} ${JSON.stringify(text)}`)
}

it('a line that is open at the end is ended on the stream it is on', async () => {
  expect(await heard(pieces(['stdout', 'a\n'], ['stderr', 'oh']))).toEqual([
    'stdout "a\\n"',
    'stderr "oh"',
    'stderr "\\n"',
  ])
  expect(await heard(pieces(['stdout', 'a'], ['stderr', 'oh\n']))).toEqual([
    'stdout "a"',
    'stderr "oh\\n"',
    'stdout "\\n"',
  ])
})

it('characters that come in two pieces are whole, and the half of one at the end is told of', async () => {
  const text = Buffer.from('grün\n')
  expect(await heard(pieces(['stdout', text.subarray(0, 3)], ['stdout', text.subarray(3)]))).toEqual([
    'stdout "gr"',
    'stdout "ün\\n"',
  ])
  expect(await heard(pieces(['stdout', text.subarray(0, 3)]))).toEqual(['stdout "gr"', 'stdout "\ufffd\\n"'])
})

it('a container that has ended, or gone, before it was to be stopped needs no pre_stop; post_start fails there', async () => {
  const fake = await startFakeEngine({ images: ['busybox:latest'] })
  const engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
  try {
    const { Id: id } = await createContainer(engine, { Image: 'busybox:latest', Cmd: ['serve'] })
    const run = { id, name: 'p-web-1', service: service('web'), hook: { command: ['flush'] }, project: 'p' }
    const before = { ...run, phase: 'pre_stop', clock: systemClock } as const
    await runHook(engine, before, {}, {})
    await expect(runHook(engine, { ...before, phase: 'post_start' }, {}, {})).rejects.toThrow('is not running')
    await removeContainer(engine, id, {}, {})
    await runHook(engine, before, {}, {})
  } finally {
    await engine.close()
    await fake.stop()
  }
})
