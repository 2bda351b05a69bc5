import { expect, test } from 'vitest'
import { keepManagersHeapSmall } from './small-heap.ts'

interface Start {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The executable, called with these words. */
function fakeProcess(words: readonly string[], more: Readonly<Record<string, unknown>> = {}) {
  const starts: Start[] = []
  const fake = {
    argv: ['bun', '/$bunfs/root/program', ...words],
    argv0: 'swarm',
    env: { PATH: '/bin' } as Record<string, string | undefined>,
    execPath: '/opt/flotilla/flotilla',
    platform: 'linux' as const,
    versions: { bun: '1.4.5' } as Record<string, string | undefined>,
    execve(program: string, args: readonly string[], env: Start['env']) {
      starts.push({ program, args, env })
    },
    ...more,
  }
  return { fake, starts }
}

test.each([
  [['manage', 'nodes://10.0.0.1:2376']],
  [['m', '-H', ':4000', 'file:///etc/engines']],
  [['--debug', 'manage', 'token://x']],
])('a manager starts once more with a heap that is kept small: %j', (words) => {
  const { fake, starts } = fakeProcess(words)
  keepManagersHeapSmall(fake)
  const env = { PATH: '/bin', BUN_JSC_forceRAMSize: '250000000' }
  expect(starts).toEqual([{ program: '/opt/flotilla/flotilla', args: ['swarm', ...words], env }])
})

test('it does so once, and what it starts is told nothing of it', () => {
  const { fake, starts } = fakeProcess(['manage', 'nodes://10.0.0.1:2376'])
  fake.env['BUN_JSC_forceRAMSize'] = '1'
  keepManagersHeapSmall(fake)
  expect(starts).toEqual([])
  expect(fake.env).toEqual({ PATH: '/bin' })
})

test.each([
  ['another command', ['join', 'token://x'], {}],
  ['another program', ['exec', 'web', 'manage'], { argv0: 'docker-compose' }],
  ['Node', ['manage'], { versions: { node: '22.0.0' } }],
  ['Windows', ['manage'], { platform: 'win32' }],
])('%s is left as it is', (_, words, more) => {
  const { fake, starts } = fakeProcess(words, more)
  keepManagersHeapSmall(fake)
  expect(starts).toEqual([])
})

test.each([
  ['cannot replace itself', undefined],
  ['fails to', () => expect.fail('gone')],
])('a program that %s goes on as it is', (_, execve) => {
  const { fake } = fakeProcess(['manage'], { execve })
  expect(() => keepManagersHeapSmall(fake)).not.toThrow()
})
