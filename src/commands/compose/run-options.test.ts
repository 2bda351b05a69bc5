import { describe, expect, it } from 'vitest'
import { defaultLimits } from '../../compose/load/limits.ts'
import { makeDictionary } from '../../compose/model/dictionary.ts'
import { checkRunFlags, toOneOffChange } from './run-options.ts'
import type { RunFlags } from './run-options.ts'

const plain: RunFlags = {
  build: false,
  'cap-add': [],
  'cap-drop': [],
  detach: false,
  entrypoint: undefined,
  env: [],
  'env-from-file': [],
  interactive: true,
  label: [],
  name: undefined,
  'no-TTY': false,
  'no-deps': false,
  'lock-timeout': undefined,
  'no-lock': false,
  publish: [],
  pull: 'policy',
  quiet: false,
  'quiet-build': false,
  'quiet-pull': false,
  'remove-orphans': false,
  rm: false,
  'service-ports': false,
  tty: false,
  'use-aliases': false,
  user: undefined,
  volume: [],
  workdir: undefined,
  given: () => false,
}

function change(flags: Partial<RunFlags>, command: readonly string[] = []): ReturnType<typeof toOneOffChange> {
  return toOneOffChange({ ...plain, ...flags }, command, {
    cwd: '/proj',
    variables: makeDictionary([['HERE', 'value']]),
    home: '/home/me',
    files: { readText: (path) => (path === '/proj/a.env' ? 'A=1\nB="two"\nHERE\n' : undefined) },
    limits: defaultLimits,
    isTty: false,
    warn() {},
  })
}

describe('flags of run', () => {
  it.each([
    [
      './src:/x:ro',
      { type: 'bind', source: '/proj/src', target: '/x', read_only: true, bind: { create_host_path: true } },
    ],
    ['~/src:/x/', { type: 'bind', source: '/home/me/src', target: '/x', bind: { create_host_path: true } }],
    ['data:/x:nocopy', { type: 'volume', source: 'data', target: '/x', volume: { nocopy: true } }],
    ['/anonymous', { type: 'volume', target: '/anonymous' }],
  ])('-v %s', (spec, mount) => {
    expect(change({ volume: [spec] }).volumes).toEqual([mount])
  })

  it('-p publishes ports, and --service-ports those of the service', () => {
    expect(change({ publish: ['127.0.0.1:8080:80/udp'] }).ports).toEqual([
      { mode: 'ingress', host_ip: '127.0.0.1', published: '8080', target: 80, protocol: 'udp' },
    ])
    expect(change({ 'service-ports': true }).ports).toBe('service')
  })

  it('variables of files come before those of the line; a name alone has its value here, or says nothing', () => {
    const { environment } = change({ 'env-from-file': ['a.env'], env: ['B=line', 'HERE', 'NOWHERE', 'E='] })
    expect({ ...environment }).toEqual({ A: '1', B: 'line', HERE: 'value', E: '' })
  })

  it('entrypoints are shell words', () => {
    expect(change({ entrypoint: `sh -c "a b"` }).entrypoint).toEqual(['sh', '-c', 'a b'])
    expect(change({}).entrypoint).toBeUndefined()
  })

  it('pull policies are those of the service alone; to build wins', () => {
    expect(change({ pull: 'always' }).pullPolicy).toBe('always')
    expect(change({ pull: 'always', build: true }).pullPolicy).toBe('build')
    expect(change({}).pullPolicy).toBeUndefined()
  })

  it.each([
    [{ label: ['bad'] }, 'label must be set as KEY=VALUE'],
    [{ pull: 'bad' }, 'invalid --pull option "bad"'],
    [{ volume: ['data:bb:cc:dd'] }, 'too many colons'],
    [{ publish: ['x:80'] }, 'Invalid hostPort: x'],
    [{ entrypoint: '"open' }, 'invalid --entrypoint ""open"'],
    [{ 'env-from-file': ['no.env'] }, 'open /proj/no.env: no such file or directory'],
  ])('%j is refused', (flags, message) => {
    expect(() => change(flags)).toThrow(message)
  })

  it('flags that exclude each other', () => {
    expect(() => checkRunFlags({ ...plain, publish: ['80'], 'service-ports': true })).toThrow(
      '--service-ports and --publish are incompatible',
    )
    expect(() => checkRunFlags({ ...plain, given: () => true })).toThrow("--tty and --no-TTY can't be used together")
  })
})
