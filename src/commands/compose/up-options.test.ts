import { describe, expect, it } from 'vitest'
import { project, service } from '../../testing/compose-builders.ts'
import { checkUpFlags, chooseAttached, parsePull, parseScale } from './up-options.ts'

type UpFlags = Parameters<typeof checkUpFlags>[0]

function flags(given: Partial<UpFlags>): UpFlags {
  const none = { attach: [], 'no-attach': [], scale: [], pull: 'policy' }
  return { ...none, ...given } as unknown as UpFlags
}

describe('combinations of up', () => {
  const abort = '--abort-on-container-exit, --abort-on-container-failure, --attach, --attach-dependencies or --watch'
  it.each<[Partial<UpFlags>, string]>([
    [
      { 'abort-on-container-exit': true, 'abort-on-container-failure': true },
      '--abort-on-container-failure cannot be combined with --abort-on-container-exit',
    ],
    [{ attach: ['a'], 'attach-dependencies': true }, 'cannot combine --attach and --attach-dependencies'],
    [{ detach: true, attach: ['a'] }, `--detach cannot be combined with ${abort}`],
    [{ detach: true, 'exit-code-from': 'a' }, `--detach cannot be combined with ${abort}`],
    [
      { wait: true, 'abort-on-container-exit': true },
      '--wait cannot be combined with --abort-on-container-exit, --attach or --attach-dependencies',
    ],
    [{ build: true, 'no-build': true }, '--build and --no-build are incompatible'],
    [{ 'force-recreate': true, 'no-recreate': true }, '--force-recreate and --no-recreate are incompatible'],
    [
      { 'always-recreate-deps': true, 'no-recreate': true },
      '--always-recreate-deps and --no-recreate are incompatible',
    ],
    [{ 'renew-anon-volumes': true, 'no-recreate': true }, '--no-recreate and --renew-anon-volumes are incompatible'],
  ])('%o is refused', (given, message) => {
    expect(() => checkUpFlags(flags(given))).toThrow(message)
  })

  it('the usual ones pass', () => {
    for (const given of [{}, { detach: true }, { wait: true }, { 'no-recreate': true }, { attach: ['a'] }]) {
      expect(() => checkUpFlags(flags(given))).not.toThrow()
    }
  })
})

describe('values of up', () => {
  const want = project([service('web'), service('db'), service('quiet', { attach: false })])

  it('scale is a service that is among those to be made, and a number', () => {
    const all = new Set(['web', 'db', 'quiet'])
    expect(() => parseScale(['db=2'], want, new Set(['web']), 5)).toThrow('no such service: db: disabled')
    expect({ ...parseScale(['web=3', 'db=0'], want, all, 5) }).toEqual({ web: 3, db: 0 })
    for (const wrong of ['web', 'web=', 'web=x', 'web=-1', '=1']) {
      expect(() => parseScale([wrong], want, all, 5)).toThrow(
        `invalid --scale option "${wrong}". Should be SERVICE=NUM`,
      )
    }
    expect(() => parseScale(['wbe=1'], want, all, 5)).toThrow('no such service: wbe')
    expect(() => parseScale(['web=6'], want, all, 5)).toThrow('services.web: more than 5 replicas')
  })

  it('pull is one of the policies', () => {
    expect([parsePull('always', false), parsePull('missing', true)]).toEqual(['always', 'build'])
    expect(() => parsePull('often', false)).toThrow('invalid --pull option "often"')
  })

  it('shows what was named, without services that do not want it', () => {
    const all = ['web', 'db', 'quiet']
    const shown = (given: Partial<UpFlags>, named: readonly string[]): readonly string[] => [
      ...chooseAttached(flags(given), want, all, named),
    ]
    expect(shown({}, [])).toEqual(['web', 'db'])
    expect(shown({}, ['web'])).toEqual(['web'])
    expect(shown({ 'attach-dependencies': true }, ['web'])).toEqual(['web', 'db'])
    expect(shown({ attach: ['quiet'] }, [])).toEqual(['quiet'])
    expect(shown({ 'no-attach': ['db'] }, [])).toEqual(['web'])
    expect(() => shown({ attach: ['x', 'y'] }, [])).toThrow('cannot attach to services not included in up: x, y')
  })
})
