import { describe, expect, it } from 'vitest'
import { NodeBudget } from './budget.ts'
import { parseYaml } from './parse.ts'
import { Places } from './place.ts'

function parse(text: string, nodes = 1_000_000) {
  return parseYaml(text, { path: '/p/c.yml', places: new Places(), budget: new NodeBudget(nodes), maxDepth: 100 })
}

/** Without prototypes, so that equality compares content. */
function plain(text: string): unknown {
  return JSON.parse(JSON.stringify(parse(text)[0]?.tree))
}

function failure(text: string): string {
  try {
    parse(text)
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

describe('scalars', () => {
  it('are typed as the reference program types them', () => {
    const text = `{a: 0444, b: 0o17, c: 1.10, d: 0x1F, e: 123456789012345678, f: 1e3, g: ~, h: true, i: yes, j: 22:22,
      k: 1_000, l: "true", m: on, n: 0888, o: 0b101, p: -5, q: 2001-12-14, r: +3, s: .5, t: '', u: 1.2.3}`
    expect(plain(text)).toEqual({
      a: 292,
      b: 15,
      c: 1.1,
      d: 31,
      e: '123456789012345678',
      f: 1000,
      g: null,
      h: true,
      i: 'yes',
      j: '22:22',
      k: 1000,
      l: 'true',
      m: 'on',
      n: 888,
      o: 5,
      p: -5,
      q: '2001-12-14T00:00:00Z',
      r: 3,
      s: 0.5,
      t: '',
      u: '1.2.3',
    })
  })

  it('follow explicit core tags and leave unknown tags as text', () => {
    expect(plain('{a: !!str 1, b: !!int "2", c: !thing 3, d: !!python/object x}')).toEqual({
      a: '1',
      b: 2,
      c: '3',
      d: 'x',
    })
  })
})

describe('maps', () => {
  it('take any text as key, without touching prototypes', () => {
    const [document] = parse('{__proto__: {x: 1}, constructor: 2, toString: 3, hasOwnProperty: 4}')
    const tree = document?.tree as Record<string, unknown>
    expect(Object.keys(tree)).toEqual(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])
    expect(Object.getPrototypeOf(tree)).toBeNull()
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
  })

  it('merge with <<, own keys first, then the merged maps in order', () => {
    expect(plain('{a: &a {x: 1, y: 1}, b: &b {y: 2, z: 2}, c: {<<: [*a, *b], x: 3}}')).toMatchObject({
      c: { x: 3, y: 1, z: 2 },
    })
  })

  it('refuse a second key of the same name, with both lines', () => {
    expect(failure('a:\n  x: 1\n  x: 2\n')).toBe(
      'failed to parse /p/c.yml: line 3: mapping key "x" already defined at line 2',
    )
  })

  it('refuse keys that are not text', () => {
    expect(failure('services:\n  1: {}\n')).toBe('non-string key in services: 1')
    expect(failure('~: 1')).toBe('non-string key at top level: <nil>')
  })

  it('refuse to merge what is no map', () => {
    expect(failure('a: {<<: 3}')).toMatch(/yaml: map merge requires map or sequence of maps as the value/)
  })
})

describe('aliases', () => {
  it('copy, so that one use can change without the others', () => {
    const [document] = parse('{a: &a {x: [1]}, b: *a, c: *a}')
    const tree = document?.tree as Record<string, unknown>
    expect(tree['b']).toEqual(tree['c'])
    expect(tree['b']).not.toBe(tree['c'])
  })

  it('may be used hundreds of times', () => {
    const uses = Array.from({ length: 500 }, (_, index) => `k${index}: {<<: *a, n: ${index}}`).join('\n')
    expect(Object.keys(parse(`a: &a {x: 1}\n${uses}`)[0]?.tree as object)).toHaveLength(501)
  })

  it('that reach back to their own anchor are an error that names the path', () => {
    expect(failure('a: &x {b: *x}')).toBe(
      'failed to parse /p/c.yml: cycle detected: node at path a.b.b references node at path a.b',
    )
  })

  it('that are unknown are an error with the line', () => {
    expect(failure('a: 1\nb: *nope')).toMatch(/^failed to parse \/p\/c.yml: (?:yaml: )?line 2: .*nope/)
  })

  it('of a bomb are refused at once, naming the anchor', () => {
    const levels = ['a: &a [x,x,x,x,x,x,x,x,x]']
    for (const [to, from] of ['ba', 'cb', 'dc', 'ed', 'fe', 'gf', 'hg', 'ih'].map((pair) => pair.split(''))) {
      levels.push(`${to}: &${to} [${Array.from({ length: 9 }, () => `*${from}`).join(',')}]`)
    }
    expect(failure(levels.join('\n'))).toMatch(/^the project has more than 1000000 nodes; the anchor "[a-i]" expands/)
  })
})

describe('depth', () => {
  it.each([
    ['[', 20_000],
    ['{a: ', 20_000],
    ['[', 200_000],
    ['- ', 100_000],
    ['? ', 100_000],
  ])('%j times %i is refused before the parser recurses', (text, times) => {
    expect(failure(text.repeat(times))).toMatch(/line 1: nested more than 100 levels deep$/)
  })

  it('of indented maps is bounded too, naming the line', () => {
    const text = Array.from({ length: 2000 }, (_, index) => `${' '.repeat(index)}a:`).join('\n')
    expect(failure(text)).toMatch(/line 10[0-9]: nested more than 100 levels deep$/)
  })

  it('does not count brackets inside text', () => {
    expect(
      plain(`a: |\n  ${'['.repeat(500)}\nb: "${'{'.repeat(500)}"\nc: '${'['.repeat(500)}'\n# ${'['.repeat(500)}`),
    ).toBeTypeOf('object')
  })

  it('cannot be built from aliases', () => {
    const levels = ['a0: &a0 [1]']
    for (let index = 1; index < 300; index += 1) levels.push(`a${index}: &a${index} [*a${index - 1}]`)
    expect(failure(levels.join('\n'))).toMatch(/nested more than 100 levels deep/)
  })
})

describe('tags', () => {
  it('!reset leaves the key out and remembers where it stood, !override keeps the value', () => {
    const [document] = parse('services:\n  a:\n    ports: !reset []\n    image: !override x\n    l: [a, !reset b, c]')
    expect(JSON.parse(JSON.stringify(document?.tree))).toEqual({ services: { a: { image: 'x', l: ['a', 'c'] } } })
    expect(document?.resets).toEqual([
      ['services', 'a', 'ports'],
      ['services', 'a', 'image'],
      ['services', 'a', 'l', 1],
    ])
  })

  it('inside an anchor count at every use', () => {
    const [document] = parse('x-a: &a {ports: !override []}\nservices: {a: *a, b: {<<: *a}}')
    expect(document?.resets).toEqual([
      ['x-a', 'ports'],
      ['services', 'a', 'ports'],
      ['services', 'b', 'ports'],
    ])
  })
})

describe('texts', () => {
  it('with several documents give one tree each', () => {
    expect(parse('a: 1\n---\nb: 2\n').map((document) => ({ ...(document.tree as object) }))).toEqual([
      { a: 1 },
      { b: 2 },
    ])
  })

  it('that are empty or only comments give none', () => {
    expect(parse('')).toEqual([])
    expect(parse('# nothing\n')).toEqual([])
  })

  it('with a byte order mark and CRLF are read', () => {
    expect(plain('\uFEFFa: 1\r\nb: two\r\n')).toEqual({ a: 1, b: 'two' })
  })

  it('that are no YAML name the line', () => {
    expect(failure('a: [1\nb: 2')).toMatch(/^failed to parse \/p\/c.yml: yaml: line \d: /)
  })
})
