import { describe, expect, it } from 'vitest'
import { makeDictionary } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import { LoadError } from './failure.ts'
import { loadProject } from './load.ts'
import type { LoadOptions } from './options.ts'

interface Given extends Partial<LoadOptions> {
  /** Other files by absolute path. */
  readonly beside?: Readonly<Record<string, string>>
  readonly environment?: Readonly<Record<string, string>>
  readonly warnings?: string[]
  /** Takes the paths that are read, in order. */
  readonly reads?: string[]
}

function load(text: string | readonly string[], given: Given = {}): Project {
  const { beside = {}, environment = {}, warnings = [], reads = [], ...options } = given
  const read = (path: string): string | undefined => (Object.hasOwn(beside, path) ? beside[path] : undefined)
  const texts = typeof text === 'string' ? [text] : text
  return loadProject(
    {
      files: texts.map((content, index) => ({
        path: index === 0 ? '/p/c.yml' : `/p/c${index + 1}.yml`,
        text: content,
      })),
      workingDir: '/p',
      environment: makeDictionary(Object.entries(environment)),
      fallbackName: 'P x',
    },
    {
      files: {
        readText(path) {
          reads.push(path)
          return read(path)
        },
        kindOf: (path) => (read(path) === undefined ? 'missing' : 'file'),
        resolveLinks: (path) => path,
      },
      warn: (message) => warnings.push(message),
      ...options,
    },
  )
}

function failure(text: string | readonly string[], given: Given = {}): LoadError {
  try {
    load(text, given)
  } catch (error) {
    if (error instanceof LoadError) return error
    throw error
  }
  throw new Error('no error')
}

describe('mistakes', () => {
  // Texts observed from docker-compose 2.40.3.
  it.each([
    ['services: {a: {imag: x}}', "validating /p/c.yml: services.a additional properties 'imag' not allowed"],
    ['foo: 1', "validating /p/c.yml:  additional properties 'foo' not allowed"],
    ['services: {a: {image: x, tty: 3}}', 'validating /p/c.yml: services.a.tty must be a boolean or string'],
    ['services: {a: {image: x, ports: [y]}}', 'Invalid containerPort: y'],
    [
      'services: {a: {image: x, ports: ["5-6:1-3"]}}',
      'Invalid ranges specified for container and host Ports: 1-3 and 5-6',
    ],
    ['services: {1: {image: x}}', 'non-string key in services: 1'],
    ['- a', 'top-level object must be a mapping'],
    ['', 'empty compose file'],
    [
      'services: {a: {image: "${X:?msg}"}}',
      'error while interpolating services.a.image: required variable X is missing a value: msg',
    ],
    [
      'services: {a: {image: "${X"}}',
      'invalid interpolation format for services.a.image.\nYou may need to escape any $ with another $.\n${X',
    ],
    [
      'services: {a: {image: x, cpus: "${X:-abc}"}}',
      'error while interpolating services.a.cpus: failed to cast to expected type: strconv.ParseFloat: parsing "abc": invalid syntax',
    ],
    [
      'services: {a: {image: x, mem_limit: zz}}',
      "decoding failed due to the following error(s):\n\n'services[a].mem_limit' invalid size: 'zz'",
    ],
    [
      'services: {a: {image: x, pull_policy: foo}}',
      "validating /p/c.yml: services.a.pull_policy 'foo' does not match pattern 'always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+'",
    ],
    [
      'services: {a: {image: x, depends_on: {b: {}}}}',
      "validating /p/c.yml: services.a.depends_on.b missing property 'condition'",
    ],
    [
      'services: {a: {image: x, cgroup: foo}}',
      "validating /p/c.yml: services.a.cgroup value must be one of 'host', 'private'",
    ],
    [
      'services: {a: {image: x, depends_on: [b]}}',
      'service "a" depends on undefined service "b": invalid compose project',
    ],
    [
      'services: {a: {image: x, volumes: ["vol:/b"]}}',
      'service "a" refers to undefined volume vol: invalid compose project',
    ],
    ['services: {a: {image: x, volumes: ["aa::b"]}}', 'invalid spec: aa::b: empty section between colons'],
    ['services: {a: {}}', 'service "a" has neither an image nor a build context specified: invalid compose project'],
    [
      'services: {a: {image: x, scale: 2, container_name: cc}}',
      "services.scale: can't set container_name and a as container name must be unique: invalid compose project",
    ],
    ['services: {a: {image: x, extends: zz}}', 'cannot extend service "a" in /p/c.yml: service "zz" not found'],
    ['services: {a: {image: x, extends: {file: no.yml, service: b}}}', 'open /p/no.yml: no such file or directory'],
    ['include: x', '`include` must be a list, got x'],
    [
      'services: {a: {image: x, env_file: no.env}}',
      'env file /p/no.env not found: stat /p/no.env: no such file or directory',
    ],
    ['{services: {a: {image: x}}, secrets: {s: {}}}', 'secrets.s: one of file|environment must be set'],
    [
      '{services: {a: {image: x}}, volumes: {v: {external: true, driver: d}}}',
      'volumes.v: conflicting parameters "external" and "driver" specified',
    ],
  ])('%j says what docker-compose says', (text, message) => {
    expect(failure(text).message).toBe(message)
  })

  it('name file, line and column, and the nearest valid name', () => {
    const error = failure('services:\n  web:\n    image: x\n    enviroment: {A: 1}\n')
    expect(error.problems).toEqual([
      {
        message: "validating /p/c.yml: services.web additional properties 'enviroment' not allowed",
        path: 'services.web.enviroment',
        file: '/p/c.yml',
        line: 4,
        column: 5,
        hint: 'did you mean "environment"?',
      },
    ])
    expect(error.hint).toBe('at /p/c.yml:4:5: did you mean "environment"?')
  })

  it('in the second of two files are placed in the second', () => {
    const base = 'services:\n  a:\n    image: x\n    ports: ["80"]\n'
    const error = failure([base, '\n\nservices: {a: {ports: [{target: 81, nme: x}]}}'])
    expect(error.problems[0]).toMatchObject({ file: '/p/c2.yml', line: 3, hint: 'did you mean "name"?' })
  })

  it('are reported together', () => {
    const error = failure('services:\n  a: {image: x, networks: [n]}\n  b: {image: x, configs: [c]}\n')
    expect(error.problems.map((problem) => problem.message)).toEqual([
      'service "a" refers to undefined network n: invalid compose project',
      'service "b" refers to undefined config c: invalid compose project',
    ])
  })
})

describe('circles', () => {
  it('of depends_on print the chain', () => {
    const text = 'services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}'
    expect(failure(text).message).toBe('dependency cycle detected: a -> b -> a')
  })

  it('of extends print the chain with files', () => {
    const text = 'services: {a: {extends: b}, b: {extends: a}}'
    expect(failure(text).message).toBe(
      'Circular reference:\n  a in /p/c.yml\n  extends b in /p/c.yml\n  extends a in /p/c.yml',
    )
  })

  it('of include print the chain', () => {
    const beside = { '/p/i.yml': 'include: [c.yml]', '/p/c.yml': 'include: [i.yml]' }
    expect(failure('include: [i.yml]', { beside }).message).toBe(
      'include cycle detected:\n/p/c.yml\n include /p/i.yml\n include /p/c.yml',
    )
  })

  it('of shared namespaces are dependencies like others', () => {
    const text = 'services: {a: {image: x, pid: "service:b"}, b: {image: x, network_mode: "service:a"}}'
    expect(failure(text).message).toBe('dependency cycle detected: a -> b -> a')
  })
})

describe('hostile files', () => {
  it('with services called __proto__ and constructor load like any other', () => {
    const project = load(
      `services:
  __proto__: {image: p, labels: {__proto__: l}}
  constructor: {image: c, depends_on: [__proto__], environment: {toString: t, __proto__: e}}
  hasOwnProperty: {extends: constructor}
volumes: {__proto__: , valueOf: {name: v}}`,
      { skipConsistency: false },
    )
    expect(Object.keys(project.services)).toEqual(['__proto__', 'constructor', 'hasOwnProperty'])
    expect(project.services['__proto__']?.image).toBe('p')
    expect(project.services['hasOwnProperty']?.environment?.['__proto__']).toBe('e')
    expect(Object.keys(project.volumes)).toEqual(['__proto__', 'valueOf'])
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(project.services['toString']).toBeUndefined()
  })

  it.each([
    ['under an extension', 'x-b: *i\nservices: {a: {image: x}}'],
    ['under a service', 'services: {a: {image: x, labels: *i}}'],
    ['through merges', 'services: {a: {image: x, x-m: {<<: {k: *i}}}}'],
  ])('an alias bomb %s is refused within a second', (_, end) => {
    const levels = ['x-a: &a [x,x,x,x,x,x,x,x,x]']
    for (let index = 1; index < 9; index += 1) {
      const [name, before] = ['abcdefghi'.charAt(index), 'abcdefghi'.charAt(index - 1)]
      levels.push(`x-${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(',')}]`)
    }
    expect(failure(`${levels.join('\n')}\n${end}`).code).toBe('compose/limit')
  })

  it('a bomb in an included file and in an override counts against the whole project', () => {
    const bomb = `x-a: &a [${'x,'.repeat(900)}x]\nx-b: &b [${'*a,'.repeat(900)}*a]\nx-c: [*b, *b]\nservices: {q: {image: x}}`
    const beside = { '/p/i.yml': bomb }
    expect(failure('include: [i.yml]\nservices: {a: {image: x}}', { beside }).code).toBe('compose/limit')
    expect(failure(['services: {a: {image: x}}', bomb]).code).toBe('compose/limit')
  })

  it('a diamond of includes thirty levels deep is read once a file', () => {
    const beside: Record<string, string> = {}
    for (let index = 0; index < 30; index += 1) {
      beside[`/p/a${index}.yml`] = `include: [a${index + 1}.yml, b${index + 1}.yml]`
      beside[`/p/b${index}.yml`] = `include: [a${index + 1}.yml, b${index + 1}.yml]`
    }
    beside['/p/a30.yml'] = 'services: {a: {image: x}}'
    beside['/p/b30.yml'] = 'services: {b: {image: x}}'
    const reads: string[] = []
    expect(Object.keys(load('include: [a0.yml, b0.yml]', { beside, reads }).services).sort()).toEqual(['a', 'b'])
    expect(reads.filter((path) => path.endsWith('.yml')).sort()).toEqual(Object.keys(beside).sort())
  })

  it('a diamond of extends forty levels deep stays small', () => {
    const services = ['s0: {image: x}']
    for (let index = 1; index < 40; index += 1)
      services.push(`s${index}: {extends: s${index - 1}}`, `t${index}: {extends: s${index - 1}}`)
    expect(Object.keys(load(`services: {${services.join(', ')}}`).services)).toHaveLength(79)
  })

  it('a value is not interpolated twice, not even through extends and two files', () => {
    const text = 'services: {a: {image: "${V}"}, b: {extends: a}}'
    const project = load([text, 'services: {b: {command: "$V"}}'], { environment: { V: '${W}', W: 'no' } })
    expect(project.services['b']).toMatchObject({ image: '${W}', command: ['${W}'] })
  })

  it('too many services, replicas and labels are refused', () => {
    const many = Array.from({ length: 20_001 }, (_, index) => `  s${index}: {image: x}`).join('\n')
    expect(failure(`services:\n${many}`).message).toBe('the project has more than 20000 services')
    expect(failure('services: {a: {image: x, scale: 100001}}').code).toBe('compose/limit')
  })
})

describe('names', () => {
  it('come from the last name: of the files, normalized, and can be referred to', () => {
    const project = load(['name: "One ${N}"\nservices: {a: {image: "${COMPOSE_PROJECT_NAME}"}}', 'name: _Two-b'], {
      environment: { N: '1' },
    })
    expect([project.name, project.services['a']?.image]).toEqual(['two-b', 'two-b'])
  })

  it('come from the folder when no file has one', () => {
    expect(load('services: {a: {image: x}}').name).toBe('px')
  })
})

describe('profiles', () => {
  const text = 'services: {a: {image: x}, b: {image: x, profiles: [p]}, c: {image: x, profiles: [q]}}'

  it('switch services on; the others are kept aside', () => {
    const project = load(text, { profiles: ['p'] })
    expect([Object.keys(project.services), Object.keys(project.disabledServices)]).toEqual([['a', 'b'], ['c']])
    expect(Object.keys(load(text, { profiles: ['*'] }).services)).toEqual(['a', 'b', 'c'])
  })

  it('switched off, a dependency is an error unless it is not required', () => {
    const off =
      'services: {a: {image: x, profiles: [p]}, b: {image: x, depends_on: {a: {condition: service_started, required: REQ}}}}'
    const error = failure(off.replace('REQ', 'true'))
    expect(error.message).toBe('service "b" depends on undefined service "a": invalid compose project')
    expect(error.hint).toMatch(/switched off by its profiles$/)
    expect(Object.keys(load(off.replace('REQ', 'false')).services)).toEqual(['b'])
  })
})

describe('a base', () => {
  it.each([
    ['of another file', 'extends: {file: base.yml, service: base}'],
    ['of the same file', 'extends: base'],
  ])('%s loses what !reset and !override of the service name, and keeps it for others', (_, extended) => {
    const base = 'base: {image: x, ports: ["1"], environment: {A: 1}, command: run, labels: {l: v}}'
    const { services } = load(
      `services: {${base}, a: {${extended}, ports: !override ["9"], environment: !reset null, command: !reset ""}, b: {${extended}}}`,
      { beside: { '/p/base.yml': `services: {${base}}` } },
    )
    expect(services['a']).toMatchObject({ image: 'x', ports: [{ target: 9 }], labels: { l: 'v' } })
    expect([services['a']?.environment, services['a']?.command]).toEqual([undefined, undefined])
    expect(services['b']).toMatchObject({ ports: [{ target: 1 }], environment: { A: '1' }, command: ['run'] })
    expect(services['base']).toMatchObject({ ports: [{ target: 1 }] })
  })
})

describe('format 1', () => {
  it('is a map of services on the default bridge', () => {
    const project = load(
      `db: {image: pg, volumes: ["data:/d"], volume_driver: local}
web:
  build: .
  dockerfile: Web.file
  links: ["db:database"]
  net: "container:db"
  log_driver: syslog
  log_opt: {tag: w}`,
      { skipConsistency: true },
    )
    expect(project.services['db']).toMatchObject({
      network_mode: 'default',
      volume_driver: 'local',
      volumes: [{ type: 'volume', source: 'data' }],
    })
    expect(project.services['web']).toMatchObject({
      build: { context: '/p', dockerfile: 'Web.file' },
      network_mode: 'service:db',
      logging: { driver: 'syslog', options: { tag: 'w' } },
      depends_on: { db: { condition: 'service_started', restart: true, required: true } },
    })
    expect({ ...project.volumes['data'] }).toEqual({ name: 'data', driver: 'local', isPlain: true })
    expect(Object.keys(project.networks)).toEqual([])
  })

  it('of a base is for files of format 1 alone: elsewhere its services would leave the network of the project', () => {
    const beside = { '/p/base.yml': 'web: {image: x, volumes: ["data:/d"]}' }
    const extended = '{extends: {file: base.yml, service: web}}'
    expect(load(`web: ${extended}`, { beside, skipConsistency: true }).services['web']?.image).toBe('x')
    expect(failure(`services: {web: ${extended}}\nvolumes: {data: }`, { beside }).message).toBe(
      'cannot extend service "web" in /p/base.yml: no services section',
    )
  })

  it('is not seen in a file with a mistyped key', () => {
    expect(failure('service: {web: {image: x}}').message).toBe(
      "validating /p/c.yml:  additional properties 'service' not allowed",
    )
  })

  it.each(['"2"', '"2.4"', '"3"', '"3.8"'])('version %s is read like the specification, with a warning', (version) => {
    const warnings: string[] = []
    load(`version: ${version}\nservices: {a: {image: x}}`, { warnings })
    expect(warnings).toEqual([
      '/p/c.yml: the attribute `version` is obsolete, it will be ignored, please remove it to avoid potential confusion',
    ])
  })
})

describe('options', () => {
  it('write Windows drives as engines see them', () => {
    const text = 'services: {a: {image: x, volumes: [\'C:\\data\\x:/d\', "./b:/b"]}}'
    const sources = (given: Given): unknown => load(text, given).services['a']?.volumes?.map((mount) => mount.source)
    expect(sources({})).toEqual(['C:\\data\\x', '/p/b'])
    expect(sources({ convertWindowsPaths: true })).toEqual(['/c/data/x', '/p/b'])
  })
})

describe('environment', () => {
  it('of env files stands below the own one, later files above earlier ones', () => {
    const beside = { '/p/1.env': 'A=1\nB=1\nC=1\nR=${A}-$O', '/p/2.env': 'B=2\nC=2' }
    const text =
      'services: {a: {image: x, env_file: [1.env, {path: 2.env}, {path: no.env, required: false}], environment: {C: own, N: , O: }}}'
    const project = load(text, { beside, environment: { O: 'outside' } })
    expect({ ...project.services['a']?.environment }).toEqual({
      A: '1',
      B: '2',
      C: 'own',
      R: '1-outside',
      N: null,
      O: 'outside',
    })
    expect(project.services['a']?.env_file).toBeUndefined()
  })
})

describe('labels', () => {
  // docker-compose 2.40: labels, and with them the hash, are the same from whichever shell they are made.
  it('of label files know earlier files and nothing around them', () => {
    const beside = { '/p/1.env': 'A=1\nS=${O}\nO\nR=$A', '/p/2.env': 'A=2\nB=$A\nC=${OWN}\nR\n' }
    const warnings: string[] = []
    const project = load('services: {a: {image: x, label_file: [1.env, 2.env], labels: {OWN: own}}}', {
      beside,
      environment: { O: 'outside' },
      warnings,
    })
    expect({ ...project.services['a']?.labels }).toEqual({ A: '2', S: '', R: '1', B: '1', C: '', OWN: 'own' })
    // The hash of docker-compose 2.40 is over their paths, too.
    expect(project.services['a']?.label_file).toEqual(['/p/1.env', '/p/2.env'])
    expect(warnings).toEqual([
      'The "O" variable is not set. Defaulting to a blank string.',
      'The "OWN" variable is not set. Defaulting to a blank string.',
    ])
  })
})

describe('speed', () => {
  it('grows with the size of the file and not faster', { timeout: 120_000 }, () => {
    const text = (count: number): string =>
      `services:\n${Array.from({ length: count }, (_, i) => `  s${i}:\n    image: x:${i % 7}\n    labels: {a: "${i}"}\n`).join('')}`
    const cost = (count: number): number => {
      const before = process.cpuUsage()
      load(text(count))
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1000
    }
    cost(1000)
    const [small, large] = [cost(2000), cost(20_000)]
    // Ten times the services; a quadratic step anywhere would make it a hundred times.
    expect(large / small).toBeLessThan(35)
  })
})

describe('variables in keys', () => {
  const text = (head: string): string => `${head}
services:
  web:
    image: x
    depends_on: { "$DB": { condition: service_healthy } }
    labels: { "\${PREFIX:-a}.role": web, plain: "\${DB}" }
  db: { image: x }
networks: { default: { labels: { "$DB.net": y } } }
`
  const environment = { DB: 'db' }

  it('count in depends_on and labels where the file asks for it', () => {
    const { services, networks } = load(text('x-interpolate-keys: true'), { environment })
    expect(services['web']?.depends_on).toEqual({ db: { condition: 'service_healthy', required: true } })
    expect(services['web']?.labels).toEqual({ 'a.role': 'web', plain: 'db' })
    expect(networks['default']?.labels).toEqual({ 'db.net': 'y' })
  })

  it('are left alone otherwise, and by --no-interpolate', () => {
    for (const head of ['', 'x-interpolate-keys: false']) {
      expect(failure(text(head), { environment }).message).toContain(
        "depends_on additional properties '$DB' not allowed",
      )
    }
    const written = 'x-interpolate-keys: true\nservices: {a: {image: x, labels: {"$L": y}}}'
    expect(load(written, { skipInterpolation: true }).services['a']?.labels).toEqual({ $L: 'y' })
  })

  it.each([
    [
      '{"${L": y}',
      'invalid interpolation format for services.a.labels.\nYou may need to escape any $ with another $.\n${L',
    ],
    [
      '{"${L:?set it}": y}',
      'error while interpolating services.a.labels: required variable L is missing a value: set it',
    ],
    ['{"${A}": x, "b": y}', 'services.a.labels: keys "${A}" and "b" both stand for "b"'],
  ])('%s is an error with its place', (labels, message) => {
    const written = `x-interpolate-keys: true\nservices:\n  a:\n    image: x\n    labels: ${labels}`
    const { problems } = failure(written, { environment: { A: 'b' } })
    expect(problems).toMatchObject([{ message, line: 5 }])
  })

  it('keep their places: what is wrong with such an entry is told with its line', () => {
    const written =
      'x-interpolate-keys: true\nservices:\n  a:\n    image: x\n    depends_on:\n      "$A": { condition: nosuch }'
    expect(failure(written, { environment: { A: 'b' } }).problems[0]).toMatchObject({ line: 6 })
  })
})
