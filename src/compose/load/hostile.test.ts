import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFlotillaError } from '../../core/errors.ts'
import { makeDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import { parseEnvFile } from './env-file.ts'
import { loadProject } from './load.ts'
import { defaultLimits } from './limits.ts'
import type { LoadLimits } from './limits.ts'

/** Hostile files: they load as they should or are refused by an error of ours, and never hang or crash. */

function load(text: string, limits: Partial<LoadLimits> = {}): Project {
  return loadProject(
    { files: [{ path: '/p/c.yml', text }], workingDir: '/p', environment: makeDictionary(), fallbackName: 'p' },
    { files: { readText: () => undefined, kindOf: () => 'missing', resolveLinks: (path) => path }, limits },
  )
}

/** The error's words; throws on anything that is not one of ours. */
function refusal(text: string, limits: Partial<LoadLimits> = {}): string {
  try {
    load(text, limits)
  } catch (error) {
    if (isFlotillaError(error)) return `${error.message}\n${error.hint ?? ''}`
    throw error
  }
  throw new Error('it was loaded')
}

const service = (rest: string): string => `services:\n  a:\n    image: x\n    ${rest}\n`

describe('names of the language (H-Y5)', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'length']

  it.each(names)('%s is a name like any other, everywhere', (name) => {
    const project = load(
      `services:\n  ${name}:\n    image: x\n    labels: { ${name}: l }\n    environment: { ${name}: e }\n    build: { context: ., args: { ${name}: b } }\n    networks: { ${name}: }\n    logging: { driver: d, options: { ${name}: o } }\n    volumes: ["${name}:/v"]\n    sysctls: { ${name}: s }\nnetworks: { ${name}: { driver_opts: { ${name}: n } } }\nvolumes: { ${name}: }\nx-top: { ${name}: 1 }\n`,
    )
    const found = project.services[name]
    expect(found?.labels?.[name]).toBe('l')
    expect(found?.environment?.[name]).toBe('e')
    expect(found?.build?.args?.[name]).toBe('b')
    expect(project.networks[name]?.driver_opts?.[name]).toBe('n')
    expect(Object.keys(project.volumes)).toEqual([name])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('through << and env files too', () => {
    const project = load(`x-base: &b { labels: { __proto__: l } }\nservices: { a: { <<: *b, image: x } }\n`)
    expect(Object.entries(project.services['a']?.labels ?? {})).toEqual([['__proto__', 'l']])
    const found = makeDictionary<string>()
    parseEnvFile('__proto__=1\nconstructor=2\n', found, { lookUp: () => undefined, limits: defaultLimits })
    expect(Object.entries(found)).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
    ])
  })
})

describe('odd documents (H-Y6, H-Y13)', () => {
  it.each([
    [
      'a duplicate key',
      'services:\n  a: { image: x }\n  a: { image: y }\n',
      'line 3: mapping key "a" already defined at line 2',
    ],
    ['tabs', 'services:\n\ta: 1\n', '/p/c.yml:2:1'],
    ['NUL in the text', 'services: { a: { image: "x\0y" } }\n', 'line 1: control characters are not allowed'],
    ['an anchor in itself', 'a: &x { b: *x }\nservices: { a: { image: x } }\n', 'cycle detected: node at path'],
    ['a merge of itself', 'services: &s { a: { <<: *s, image: x } }\n', 'cycle detected: node at path'],
    ['a list', '- a\n', 'top-level object must be a mapping'],
    ['an empty file', '', 'empty compose file'],
    ['only comments', '# nothing\n', 'empty compose file'],
    ['a key that is no text', 'services: { 1: { image: x } }\n', 'non-string key in services: 1'],
  ])('%s is said to be that', (_, text, words) => {
    expect(refusal(text)).toContain(words)
  })

  it('a byte order mark, CRLF and several documents are read', () => {
    expect(load('\uFEFFservices:\r\n  a:\r\n    image: x\r\n').services['a']?.image).toBe('x')
    expect(load('services: { a: { image: x } }\n---\nservices: { a: { image: y } }\n').services['a']?.image).toBe('y')
  })

  it.each(['!!js/function "x"', '!!python/object:os.system "x"', '!unknown x', '!!binary eA=='])(
    '%s is never more than text',
    (value) => {
      try {
        expect(typeof load(service(`hostname: ${value}`)).services['a']?.hostname).toBe('string')
      } catch (error) {
        expect(isFlotillaError(error)).toBe(true)
      }
    },
  )

  it.each([
    ['!!omap', (index: number) => `- k${index}: ${index}`],
    ['!!set', (index: number) => `? k${index}`],
  ])('%s of 50,000 entries is read to its end', { timeout: 120_000 }, (tag, entry) => {
    // Comparing each with each other would take minutes, and the test would run out of time.
    const body = Array.from({ length: 50_000 }, (_, index) => `  ${entry(index)}\n`).join('')
    try {
      load(`services: { a: { image: x } }\nx-many: ${tag}\n${body}`)
    } catch (error) {
      expect(isFlotillaError(error)).toBe(true)
    }
  })

  it.each(['!reset', '!override'])('%s may stand everywhere', (tag) => {
    const places = [
      `${tag} { services: { a: { image: x } } }`,
      `services: ${tag} { a: { image: x } }`,
      `services: { a: ${tag} { image: x } }`,
      `services: { a: { image: ${tag} x } }`,
      `services: { a: { image: x, ports: [${tag} "80"] } }`,
      `services: { ${tag} a: { image: x } }`,
      `x-a: &b ${tag} { image: x }\nservices: { a: *b, c: { <<: *b } }`,
      tag,
      `services: { a: { image: x, depends_on: { b: ${tag} null } } }`,
    ]
    for (const text of places) {
      try {
        expect(load(`${text}\n`).name).toBe('p')
      } catch (error) {
        expect(isFlotillaError(error) ? '' : error).toBe('')
      }
    }
  })
})

describe('anchors (H-Y1, H-Y2, H-Y4)', () => {
  it('thousands of uses, merges in merges and lists of merges are honest', () => {
    const uses = Array.from(
      { length: 5000 },
      (_, index) => `  s${index}: { <<: [*own, *deep], environment: { <<: [*env, *more], N: ${index} } }\n`,
    )
    const project = load(
      `x-env: &env { A: a, B: b }\nx-more: &more { B: no, C: c }\nx-base: &base { image: x, restart: always }\n` +
        `x-deep: &deep { <<: *base, labels: &labels { l: 1 } }\nx-own: &own { <<: [*deep], restart: "no" }\n` +
        `services:\n${uses.join('')}`,
    )
    expect(Object.keys(project.services)).toHaveLength(5000)
    expect(project.services['s4999']).toMatchObject({ image: 'x', restart: 'no', labels: { l: '1' } })
    expect({ ...project.services['s4999']?.environment }).toEqual({ A: 'a', B: 'b', C: 'c', N: '4999' })
  })

  it.each([
    ['without services', 'x-a: &a { b: *a }\n', 'cycle detected'],
    ['through a list', 'services: { a: { image: x, command: &c [ y, *c ] } }\n', 'cycle detected'],
    ['through a second anchor', 'x-a: &a { b: &b { c: *a, d: *b } }\nservices: {}\n', 'cycle detected'],
    ['through a list of merges', 'x-a: &a { <<: [*a] }\nservices: {}\n', 'cycle detected'],
  ])('one in itself %s is said to be a circle', (_, text, words) => {
    expect(refusal(text)).toContain(words)
  })
})

describe('circles of services and files (H-Y9)', () => {
  it.each([
    ['itself', 'services: { a: { image: x, depends_on: [a] } }', 'a -> a'],
    [
      'volumes_from',
      'services: { a: { image: x, volumes_from: [b] }, b: { image: x, volumes_from: [a] } }',
      'a -> b -> a',
    ],
    ['links', 'services: { a: { image: x, links: [b] }, b: { image: x, links: [a] } }', 'a -> b -> a'],
    ['its own network', 'services: { a: { image: x, network_mode: "service:a" } }', 'a -> a'],
    ['ipc', 'services: { a: { image: x, ipc: "service:b" }, b: { image: x, depends_on: [a] } }', 'a -> b -> a'],
    ['extending itself', 'services: { a: { extends: a } }', 'Circular reference:'],
    ['including itself', 'include: [c.yml]\nservices: { a: { image: x } }', 'include cycle detected:'],
  ])('by %s is told with its chain', (_, text, words) => {
    expect(refusal(text)).toContain(words)
  })

  it('a long chain of dependencies is none', () => {
    const services = Array.from(
      { length: 3000 },
      (_, index) => `  s${index}: { image: x${index > 0 ? `, depends_on: [s${index - 1}]` : ''} }\n`,
    )
    expect(Object.keys(load(`services:\n${services.join('')}`).services)).toHaveLength(3000)
  })
})

describe('variables (H-Y10)', () => {
  const withVariables = (text: string, environment: Record<string, string>): Project =>
    loadProject(
      {
        files: [{ path: '/p/c.yml', text }],
        workingDir: '/p',
        environment: makeDictionary(Object.entries(environment)),
        fallbackName: 'p',
      },
      { files: { readText: () => undefined, kindOf: () => 'missing', resolveLinks: (path) => path } },
    )

  it('of a mebibyte are put in whole, larger ones refused with their place', () => {
    const text = service('hostname: "${BIG}"')
    const big = 'x'.repeat(1024 * 1024)
    expect(withVariables(text, { BIG: big }).services['a']?.hostname).toBe(big)
    expect(() => withVariables(text, { BIG: `${big}x` })).toThrow(
      'error while interpolating services.a.hostname: the value is longer than 1048576 characters',
    )
  })

  it('nested without end are refused with file and line', () => {
    const deep = `\${A:-`.repeat(1000) + '}'.repeat(1000)
    expect(refusal(service(`hostname: "${deep}"`))).toMatch(/nested more than 32 deep\n.*\/p\/c\.yml:4:/)
  })
})

describe('nesting (H-Y3)', () => {
  it.each([
    ['[', '['.repeat(20_000)],
    ['{', '{a: '.repeat(20_000)],
    ['block maps', Array.from({ length: 2000 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join('')],
    ['sequences in a line', `x-a: ${'- '.repeat(20_000)}x`],
  ])('%s without end is refused with its place', (_, text) => {
    expect(refusal(text)).toMatch(/\/p\/c\.yml:\d+:\d+/)
  })
})

describe('scalars (H-Y7)', () => {
  it('of any size are read whole', () => {
    const long = 'x'.repeat(1024 * 1024)
    expect(load(service(`hostname: ${long}`)).services['a']?.hostname).toHaveLength(long.length)
    expect(Object.keys(load(service(`labels: { "${long}": 1 }`)).services['a']?.labels ?? {})[0]).toHaveLength(
      long.length,
    )
  })

  it('a list with more entries than nodes are allowed is refused by their number', () => {
    const text = `services: { a: { image: x } }\nx-many: [${'1,'.repeat(20_001)}]\n`
    expect(refusal(text, { yamlNodes: 20_000 })).toContain('20000')
  })

  it.each([
    ['22:22', '22:22'],
    ['0o777', '511'],
    ['0777', '511'],
    ['yes', 'yes'],
    ['off', 'off'],
    ['1e3', '1000'],
    ['1e6', '1e+06'],
    ['1234567.5', '1.2345675e+06'],
    ['1e999', '1e999'],
    ['12345678901234567890', '12345678901234567890'],
  ])('%s in an environment is %s', (written, value) => {
    const got = load(service(`environment: { A: ${written} }`)).services['a']?.environment?.['A']
    expect(written === '1e999' ? ['1e999', '+Inf'] : [value]).toContain(got)
  })

  it('ports never become numbers of base sixty', () => {
    const ports = load(service('ports: [22:22, 80:80]')).services['a']?.ports ?? []
    expect(ports.map((port) => [port.published, port.target])).toEqual([
      ['22', 22],
      ['80', 80],
    ])
  })
})

describe('env files (H-Y11)', () => {
  function parse(text: string): Readonly<Record<string, string>> {
    const found = makeDictionary<string>()
    parseEnvFile(text, found, { lookUp: () => undefined, limits: defaultLimits })
    return { ...found }
  }

  it.each(['A="x', "A='x", 'A="x\nB=1\n'])('%j: an open quote is an error with its line', (text) => {
    expect(() => parse(text)).toThrow(/line \d+: unterminated quoted value/)
  })

  it('reads export, CRLF, references to itself and names that steer other programs', () => {
    expect(parse('export A=1\r\nB=${B}\r\nPATH=/evil\r\nLD_PRELOAD=x\r\nNODE_OPTIONS=y\r\nDOCKER_HOST=z\r\n')).toEqual({
      A: '1',
      B: '',
      PATH: '/evil',
      LD_PRELOAD: 'x',
      NODE_OPTIONS: 'y',
      DOCKER_HOST: 'z',
    })
  })
})

describe('mutated files (H-Y12)', () => {
  const corpus = join(import.meta.dirname, '../../../test/fixtures/compose-corpus')
  const texts = readdirSync(corpus).map((name) => readFileSync(join(corpus, name, 'compose.yaml'), 'utf8'))
  const pieces = [
    '{',
    '[',
    ']',
    '}',
    '&a ',
    '*a',
    '<<: ',
    '!reset ',
    '!override ',
    '${',
    '$',
    '- ',
    ': ',
    '\t',
    '\n',
    '"',
    "'",
    '\0',
    '? ',
    '|',
    '>',
    '%',
  ]

  it('end in a project or in an error of ours', () => {
    const edit = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      cut: fc.nat(20),
      put: fc.constantFrom(...pieces, ''),
    })
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.array(edit, { minLength: 1, maxLength: 4 }), (text, edits) => {
        let mutated = text
        for (const { at, cut, put } of edits) {
          const from = Math.floor(at * mutated.length)
          mutated = mutated.slice(0, from) + put + mutated.slice(from + cut)
        }
        try {
          load(mutated)
        } catch (error) {
          if (!isFlotillaError(error)) throw error
        }
      }),
      { numRuns: 300 },
    )
  })
})
