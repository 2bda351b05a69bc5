import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import type { Service, WatchRule } from '../model/service.ts'
import { planBatch, quoteNames } from './batch.ts'
import { collectRules } from './rules.ts'
import type { RuleSources } from './rules.ts'

function service(name: string, watch: readonly WatchRule[], more: Partial<Service> = {}): Service {
  return { name, develop: { watch }, ...more }
}

function projectOf(...services: readonly Service[]): Project {
  return { name: 'p', services: makeDictionary(services.map((entry) => [entry.name, entry])) } as unknown as Project
}

const quiet: RuleSources = { readText: () => undefined, resolveLinks: (path) => path, warn: () => {} }

describe('collectRules', () => {
  it('asks for a develop section', () => {
    expect(() => collectRules(projectOf(service('web', [])), [], quiet)).toThrow(
      "none of the selected services is configured for watch, consider setting a 'develop' section",
    )
  })

  it('refuses a rebuild without build, and one that may not be made', () => {
    const rule: WatchRule = { path: '/src', action: 'rebuild' }
    expect(() => collectRules(projectOf(service('web', [rule])), [], quiet)).toThrow(
      'can\'t watch service "web" with action rebuild without a build context',
    )
    const built = projectOf(service('web', [rule], { build: { context: '/src' } }))
    expect(() => collectRules(built, [], { ...quiet, canBuild: false })).toThrow(
      '--no-build is incompatible with watch action rebuild in service web',
    )
  })

  it('warns of paths that are mounted anyway and leaves them out', () => {
    const told: string[] = []
    const mounted = service(
      'web',
      [
        { path: '/src/a', action: 'sync', target: '/a' },
        { path: '/x', action: 'restart' },
      ],
      {
        volumes: [{ type: 'bind', source: '/src', target: '/a' }],
      } as unknown as Partial<Service>,
    )
    const rules = collectRules(projectOf(mounted), [], { ...quiet, warn: (message) => told.push(message) })
    expect(rules.map((rule) => rule.trigger.path)).toEqual(['/x'])
    expect(told).toEqual(["path '/src/a' also declared by a bind mount volume, this path won't be monitored!"])
  })

  it('maps paths to the target and leaves out what is ignored', () => {
    const web = service('web', [{ path: '/src', action: 'sync', target: '/app/', ignore: ['node_modules/'] }], {
      build: { context: '/src' },
    })
    const [rule] = collectRules(projectOf(web), [], {
      ...quiet,
      readText: (path) => (path === '/src/.dockerignore' ? '*.log\n!keep.log\n' : undefined),
    })
    const seen = (path: string): string | undefined => rule?.match(path)?.containerPath
    expect(seen('/src/a/b.js')).toBe('/app/a/b.js')
    expect(seen('/src/keep.log')).toBe('/app/keep.log')
    for (const path of [
      '/src/node_modules/x.js',
      '/src/x.log',
      '/src/.git/HEAD',
      '/src/a/.b.swp',
      '/src/a/b~',
      '/src/4913',
      '/srcs/a',
      '/other',
    ]) {
      expect(seen(path), path).toBeUndefined()
    }
  })

  it("prefers the Dockerfile's own ignore file", () => {
    const web = service('web', [{ path: '/src', action: 'sync', target: '/app' }], {
      build: { context: '/src', dockerfile: 'dev.Dockerfile' },
    })
    const texts: Readonly<Record<string, string>> = {
      '/src/dev.Dockerfile.dockerignore': 'a',
      '/src/.dockerignore': 'b',
    }
    const [rule] = collectRules(projectOf(web), [], { ...quiet, readText: (path) => texts[path] })
    expect([rule?.match('/src/a'), rule?.match('/src/b')?.containerPath]).toEqual([undefined, '/app/b'])
  })

  it('knows a build context that is reached by a link, as paths come with their links resolved', () => {
    const web = service('web', [{ path: '/real/src', action: 'sync', target: '/app' }], {
      build: { context: '/project' },
    })
    const [rule] = collectRules(projectOf(web), [], {
      ...quiet,
      resolveLinks: (path) => path.replace('/project', '/real'),
      readText: (path) => (path === '/real/.dockerignore' ? 'src/no' : undefined),
    })
    expect(rule?.match('/real/src/a')?.containerPath).toBe('/app/a')
    expect(rule?.match('/real/src/no')).toBeUndefined()
  })

  it('takes only what include names', () => {
    const web = service('web', [{ path: '/src', action: 'sync', target: '/app', include: ['**/*.py'] }])
    const [rule] = collectRules(projectOf(web), [], quiet)
    expect([rule?.match('/src/x/a.py')?.containerPath, rule?.match('/src/a.js')]).toEqual(['/app/x/a.py', undefined])
  })
})

describe('planBatch', () => {
  const rules = collectRules(
    projectOf(
      service(
        'web',
        [
          { path: '/src', action: 'sync', target: '/app' },
          { path: '/src/conf', action: 'sync+restart', target: '/conf' },
          { path: '/src/hook', action: 'sync+exec', target: '/hook', exec: { command: ['reload'] } },
          { path: '/src/package.json', action: 'rebuild' },
        ],
        { build: { context: '/elsewhere' } },
      ),
      service('job', [{ path: '/src/conf', action: 'restart' }]),
    ),
    [],
    quiet,
  )

  it('sorts a batch into what has to be done', () => {
    const plan = planBatch(['/src/a', '/src/conf/x', '/src/hook/1', '/src/hook/2', '/src/package.json'], rules)
    expect(plan.rebuild).toEqual(['web'])
    expect(plan.restart).toEqual(['web', 'job'])
    expect(plan.exec.map((rule) => rule.trigger.path)).toEqual(['/src/hook'])
    expect(plan.sync.get('web')?.map((match) => match.containerPath)).toEqual([
      '/app/a',
      '/app/conf/x',
      '/conf/x',
      '/app/hook/1',
      '/hook/1',
      '/app/hook/2',
      '/hook/2',
      '/app/package.json',
    ])
  })

  it('depends on neither order nor repetition', () => {
    const path = fc.constantFrom('/src/a', '/src/conf/x', '/src/hook/1', '/src/package.json', '/none')
    const shape = (paths: readonly string[]): unknown => {
      const plan = planBatch(paths, rules)
      const sync = [...plan.sync].map(([name, matches]) => [
        name,
        matches.map((match) => match.containerPath ?? '').sort(),
      ])
      return [[...plan.rebuild].sort(), [...plan.restart].sort(), plan.exec.length, sync]
    }
    fc.assert(
      fc.property(fc.array(path), (paths) => {
        expect(shape([...paths, ...paths].reverse())).toEqual(shape(paths))
      }),
    )
  })

  it('quotes names as Go does', () => {
    expect(quoteNames(['web', 'db'])).toBe('["web" "db"]')
  })
})
