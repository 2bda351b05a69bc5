import { describe, expect, it } from 'vitest'
import { makeDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import { loadProjectNow } from './load-now.ts'
import { readEventsLaxly } from './yaml-lax.ts'

/** Files nobody writes on purpose, or hardly. What is expected of them was observed from docker-compose 2.40.3. */
function load(texts: readonly string[], beside: Readonly<Record<string, string>> = {}): Project {
  return loadProjectNow(
    {
      files: texts.map((text, index) => ({ path: `/p/${index}.yml`, text })),
      workingDir: '/p',
      environment: makeDictionary([['HOME', '/home/u']]),
      fallbackName: 'folder',
    },
    {
      files: {
        readText: (path) => beside[path],
        kindOf: (path) => (beside[path] === undefined ? 'missing' : 'file'),
        resolveLinks: (path) => path,
      },
      readLaxly: readEventsLaxly,
    },
  )
}

const web = 'services: {web: {image: x}}'

describe('the name of a project', () => {
  it('that comes to nothing when its variables are filled in is an error, not the name of the folder', () => {
    expect(() => load([`name: \${NOPE}\n${web}`])).toThrow('project name must not be empty')
    expect(() => load([`name: shop\n${web}`, 'name: "${NOPE:-}"'])).toThrow('project name must not be empty')
  })

  it('that is written as nothing is passed over', () => {
    expect(load([`name: ""\n${web}`]).name).toBe('folder')
    expect(load([`name: shop\n${web}`, 'name: ""']).name).toBe('shop')
  })
})

describe('a path of no letters', () => {
  it.each(['secrets', 'configs'] as const)('of %s is the folder of the project', (kind) => {
    expect(load([`${kind}: {k: {file: ""}}\n${web}`])[kind]['k']?.file).toBe('/p')
  })

  it('of a bind is the folder of the project', () => {
    const project = load(['services: {web: {image: x, volumes: [{type: bind, source: "${NOPE}", target: /a}]}}'])
    expect(project.services['web']?.volumes?.[0]?.source).toBe('/p')
  })

  it('in an included file is the folder of that file', () => {
    const project = load([`include: [sub/c.yml]\n${web}`], { '/p/sub/c.yml': 'secrets: {k: {file: ""}}' })
    expect(project.secrets['k']?.file).toBe('/p/sub')
  })
})

describe('an entry of include', () => {
  const beside = {
    '/p/sub/c.yml': 'services: {db: {image: "y${TAG}", build: .}}',
    '/p/sub/.env': 'TAG=sub',
    '/p/.env': 'TAG=top',
  }

  it.each(['null', '{}', '{path: []}', '{project_directory: sub}'])('without path includes nothing: %s', (entry) => {
    expect(Object.keys(load([`include: [${entry}]\n${web}`]).services)).toEqual(['web'])
  })

  it('takes a project directory of no letters for none', () => {
    const { db } = load(['include: [{path: sub/c.yml, project_directory: ""}]'], beside).services
    expect(db).toMatchObject({ image: 'ysub', build: { context: '/p/sub' } })
  })

  it.each([
    ['1', `'[0]' expected a map or struct, got "int"`],
    ['[sub/c.yml]', `'[0]' expected a map or struct, got "slice"`],
    ['{path: 1}', "'[0].path' invalid type int for string list"],
    ['{path: [sub/c.yml, 1]}', "'[0].path' invalid type []interface {} for string list"],
    ['{path: {a: b}}', "'[0].path' invalid type map[string]interface {} for string list"],
    ['{path: sub/c.yml, env_file: [{path: .env}]}', "'[0].env_file' invalid type []interface {} for string list"],
    [
      '{path: sub/c.yml, project_directory: true}',
      "'[0].project_directory' expected type 'string', got unconvertible type 'bool'",
    ],
  ])('that has values of other kinds is refused: %s', (entry, message) => {
    expect(() => load([`include: [${entry}]`], beside)).toThrow(
      `decoding failed due to the following error(s):\n\n${message}`,
    )
  })

  it('without path still wants its env files', () => {
    expect(() => load([`include: [{env_file: nope}]\n${web}`])).toThrow('stat /p/nope: no such file or directory')
  })
})

it('an alias of something reset is reset, too', () => {
  const base = 'services: {web: {image: x, ports: ["80:80"], tty: true}}'
  const project = load([base, 'x-none: &none !reset []\nservices: {web: {ports: *none}}'])
  expect(project.services['web']).toMatchObject({ image: 'x', tty: true })
  expect(project.services['web']?.ports).toBeUndefined()
})

it('a value with a tag of Compose is a text as it is written', () => {
  const project = load([
    'services: {web: {image: x, tty: !override true, cpus: !override 0.50, environment: {A: !override 1.10, B: !override 0x10, C: !override ~, D: !override }}}',
  ])
  expect(project.services['web']).toMatchObject({
    tty: true,
    cpus: 0.5,
    environment: { A: '1.10', B: '0x10', C: '~', D: '' },
  })
  expect(() =>
    load(['services: {web: {image: x, networks: {n: {priority: !override 5}}}}\nnetworks: {n: {}}']),
  ).toThrow('services.web.networks.n.priority must be a number')
})

describe('lines may begin anywhere', () => {
  it.each([
    ['[\n  a,\nb\n    ]', ['a', 'b']],
    ['[a,\n    "b\n c"\n]', ['a', 'b c']],
    ['["a",\n# comment\n"b"]', ['a', 'b']],
    ['[a b\nc, d]', ['a b c', 'd']],
    ['["a\nb"]', ['a b']],
    ['"a\nb"', ['a', 'b']],
    ["'a\n    b\n'", ['a', 'b']],
    ['"a\\\n  b"', ['ab']],
  ])('between brackets and quotes: %j', (written, command) => {
    const project = load([
      `services:\n  web:\n    image: x\n    command: ${written}\n    tty: true\n  db: {image: y}\n`,
    ])
    expect(project.services['web']).toMatchObject({ image: 'x', command, tty: true })
    expect(project.services['db']?.image).toBe('y')
  })

  it.each([['[a,\n--- b]'], ['"a\n---\n b"'], ['[a,\n- b]'], ['["a",\n"b"'], ['"a'], ['a\n   b']])(
    'but %j is no YAML',
    (written) => {
      expect(() => load([`services:\n  web:\n    image: x\n    command: ${written}\n  db: {image: y}\n`])).toThrow(
        'failed to parse /p/0.yml: yaml: line',
      )
    },
  )
})

it('an anchor may be used in later documents of its file', () => {
  expect(load(['x-web: &web {image: x}\n---\nservices: {web: *web}']).services['web']?.image).toBe('x')
})

it('text in base64 is that text', () => {
  expect(load(['services: {web: {image: x, hostname: !!binary aGk=}}']).services['web']?.hostname).toBe('hi')
})

describe('numbers as Go writes them', () => {
  it.each<[string, number]>([
    ['"1_0"', 10],
    ['0x1p-2', 0.25],
    ['"1e1"', 10],
  ])('are taken: cpus %s', (written, cpus) => {
    expect(load([`services: {web: {image: x, cpus: ${written}}}`]).services['web']?.cpus).toBe(cpus)
  })

  it.each<[string, number]>([
    ['"1e3"', 1000],
    ['"1_0k"', 10_240],
  ])('are taken in sizes, too: mem_limit %s', (written, bytes) => {
    expect(load([`services: {web: {image: x, mem_limit: ${written}}}`]).services['web']?.mem_limit).toBe(bytes)
  })

  it('are refused beyond what a float holds', () => {
    expect(() => load(['services: {web: {image: x, cpus: 1e400}}'])).toThrow(
      'services.web.cpus: failed to cast to expected type: strconv.ParseFloat: parsing "1e400": value out of range',
    )
  })

  it.each(['nan', '.nan', 'inf'])('are refused where they say nothing: %s', (written) => {
    expect(() => load([`services: {web: {image: x, cpus: ${written}}}`])).toThrow('strconv.ParseFloat')
  })
})

describe('a tag on a key', () => {
  it('of this program says nothing', () => {
    const project = load([web, 'services: {!reset web: {!override tty: true}, db: {image: y}}'])
    expect(project.services['web']).toMatchObject({ image: 'x', tty: true })
  })

  it('that is no more than text takes the meaning from a merge key', () => {
    expect(() => load(['services: {web: {image: x, !!str <<: {tty: true}}}'])).toThrow(
      "services.web additional properties '<<' not allowed",
    )
    const merged = load(['services: {web: {image: x, !!merge "<<": {tty: true}}}'])
    expect(merged.services['web']?.tty).toBe(true)
  })
})

it('a name that a later file resets is the name all the same', () => {
  expect(load([`name: shop\n${web}`, 'name: !reset inn']).name).toBe('inn')
})

it('a number of any size is no text', () => {
  expect(() => load(['services: {web: {image: x, hostname: 9007199254740993}}'])).toThrow(
    'services.web.hostname must be a string',
  )
})

it('a limit of a number that need not be whole is refused', () => {
  expect(() => load(['services: {web: {image: x, ulimits: {nofile: 1.0}}}'])).toThrow('ulimits.nofile')
})

it.each(['secrets', 'configs'])('an entry of %s that names none is refused as one that is not there', (kind) => {
  expect(() => load([`services: {web: {image: x, ${kind}: [{target: y}]}}\n${kind}: {k: {file: k}}`])).toThrow(
    `service "web" refers to undefined ${kind.slice(0, -1)} : invalid compose project`,
  )
})

it('a network of a service that is not there is first of all a dependency on it', () => {
  expect(() => load(['services: {web: {image: x, network_mode: "service:db"}}'])).toThrow(
    /^service "web" depends on undefined service "db": invalid compose project\nservice "db" not found for network_mode/,
  )
})

describe('a dash between brackets', () => {
  it.each([
    ['[cat, -]', ['cat', '-']],
    ['[-, a]', ['-', 'a']],
    ['[tar, -x, -f, - ]', undefined],
  ])('in %s is a text where a comma or bracket follows, as for the reference program', (written, words) => {
    const text = `services: {web: {image: x, command: ${written}}}`
    if (words === undefined) expect(() => load([text])).toThrow('yaml: line 1')
    else expect(load([text]).services['web']?.command).toEqual(words)
  })

  it('is a value too', () => {
    expect(load(['services: {web: {image: x, labels: {a: -}}}']).services['web']?.labels).toEqual({ a: '-' })
  })
})

describe('a mistake in a file of variables or labels is told with its line and the entry that asked for the file', () => {
  it.each([
    ['env_file: [good.env, bad.env]', 'failed to read /p/bad.env: line 2: key cannot contain a space', '0.yml:1:49'],
    ['label_file: bad.env', 'failed to read /p/bad.env: line 2: key cannot contain a space', '0.yml:1:28'],
    [
      'env_file: [{path: bad.env, format: raw}]',
      "failed to parse env_file /p/bad.env: variable 'A B' contains whitespaces",
      '0.yml:1:39: line 2 of the file',
    ],
  ])('%s', (field, message, place) => {
    const beside = { '/p/good.env': 'C=1\n', '/p/bad.env': '# first\nA B=1\n' }
    const hint = `at /p/${place}`
    expect(() => load([`services: {web: {image: x, ${field}}}`], beside)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(message) as string, hint }),
    )
  })
})

it('a file that is asked for without its name is a mistake of its own', () => {
  expect(() => load(['services: {web: {image: x, extends: {file: "", service: db}}}'])).toThrow(
    'cannot extend service "web": its file has no name',
  )
  expect(() => load([`include: [""]\n${web}`])).toThrow('cannot include a file without a name')
})
