import { describe, expect, it } from 'vitest'
import { findSources, readProject } from './source.ts'
import type { FoundSources, SourceRequest } from './source.ts'
import type { LoadOptions } from './options.ts'

/** A text that stands for a folder of that name. */
const aFolder = '(folder)'

function options(files: Readonly<Record<string, string>>, warnings: string[] = []): LoadOptions {
  const read = (path: string): string | undefined => (Object.hasOwn(files, path) ? files[path] : undefined)
  return {
    files: {
      readText: (path) => {
        if (read(path) === aFolder) throw new Error(`read ${path}: is a directory`)
        return read(path)
      },
      kindOf: (path) => (read(path) === undefined ? 'missing' : read(path) === aFolder ? 'folder' : 'file'),
      resolveLinks: (path) => path.replace('/link', '/real'),
    },
    warn: (message) => warnings.push(message),
  }
}

function request(more: Partial<SourceRequest> = {}): SourceRequest {
  return {
    cwd: '/home/p',
    env: {},
    files: [],
    envFiles: [],
    profiles: [],
    readStdin: async () => 'services: {}',
    ...more,
  }
}

async function find(
  files: Readonly<Record<string, string>>,
  more: Partial<SourceRequest> = {},
  warnings: string[] = [],
): Promise<FoundSources & { readonly paths: readonly string[] }> {
  const found = await findSources(request(more), options(files, warnings))
  return { ...found, paths: found.sources.files.map((file) => file.path) }
}

describe('variables in .env', () => {
  it('are looked for in the environment first, then in the lines and files before', async () => {
    const files = {
      '/home/p/compose.yaml': 'services: { a: { image: x } }',
      '/home/p/one.env': 'A=${SHELL_HAS}-${BOTH}\nBOTH=file\nC=${BOTH}\nD=one\n1DIGIT=x\n',
      '/home/p/two.env': 'E=${D}${NONE:-none}\nSHELL_HAS=file\n',
    }
    const env = { SHELL_HAS: 'shell', BOTH: 'shell' }
    const { env: found } = await find(files, { env, envFiles: ['one.env', 'two.env'] })
    expect(found).toMatchObject({
      A: 'shell-shell',
      BOTH: 'shell',
      C: 'shell',
      D: 'one',
      E: 'onenone',
      SHELL_HAS: 'shell',
    })
    // No name of a variable, and no mistake.
    expect(found).not.toHaveProperty('1DIGIT')
  })
})

describe('switches of the environment', () => {
  const files = {
    '/home/p/compose.yaml': 'services: {web: {image: "x${TAG}", volumes: ["C:/a:/b"]}}',
    '/home/p/.env': 'TAG=1\nCOMPOSE_CONVERT_WINDOWS_PATHS=1\n',
  }

  it.each<[string, string | undefined]>([
    ['1', undefined],
    ['t', undefined],
    ['True', undefined],
    ['0', '1'],
    ['F', '1'],
    ['', '1'],
  ])('COMPOSE_DISABLE_ENV_FILE=%j', async (value, tag) => {
    const found = await find(files, { env: { COMPOSE_DISABLE_ENV_FILE: value } })
    expect(found.env['TAG']).toBe(tag)
  })

  it.each(['x', 'yes', 'on', ' true'])('COMPOSE_DISABLE_ENV_FILE=%j is no switch', async (value) => {
    await expect(find(files, { env: { COMPOSE_DISABLE_ENV_FILE: value } })).rejects.toThrow(
      `strconv.ParseBool: parsing "${value}": invalid syntax`,
    )
    const asked = await find(files, { env: { COMPOSE_DISABLE_ENV_FILE: value }, envFiles: ['.env'] })
    expect(asked.env['TAG']).toBe('1')
  })

  it('may stand in .env', async () => {
    const project = await readProject(request(), options(files))
    expect(project.services['web']?.volumes?.[0]?.source).toBe('/c/a')
  })
})

describe('files', () => {
  it('of COMPOSE_FILE have to be there', async () => {
    await expect(find({}, { env: { COMPOSE_FILE: 'nope.yml' } })).rejects.toThrow(
      'stat /home/p/nope.yml: no such file or directory',
    )
  })

  it('are looked for here and then upwards, with the override beside them', async () => {
    const files = { '/home/compose.yml': '', '/home/docker-compose.override.yaml': '', '/docker-compose.yml': '' }
    const found = await find(files)
    expect(found.paths).toEqual(['/home/compose.yml', '/home/docker-compose.override.yaml'])
    expect([found.sources.workingDir, found.sources.fallbackName]).toEqual(['/home', 'home'])
  })

  it('of several usual names: the first is used, with a warning', async () => {
    const warnings: string[] = []
    const files = { '/home/p/docker-compose.yml': '', '/home/p/compose.yaml': '' }
    expect((await find(files, {}, warnings)).paths).toEqual(['/home/p/compose.yaml'])
    expect(warnings).toEqual([
      'Found multiple config files with supported names: /home/p/compose.yaml, /home/p/docker-compose.yml',
      'Using /home/p/compose.yaml',
    ])
  })

  it('of several usual overrides: the first is used, with a warning', async () => {
    const warnings: string[] = []
    const files = {
      '/home/p/compose.yaml': '',
      '/home/p/compose.override.yaml': '',
      '/home/p/compose.override.yml': '',
    }
    const found = await find(files, {}, warnings)
    expect(found.paths).toEqual(['/home/p/compose.yaml', '/home/p/compose.override.yml'])
    expect(warnings).toEqual([
      'Found multiple override files with supported names: /home/p/compose.override.yml, /home/p/compose.override.yaml',
      'Using /home/p/compose.override.yml',
    ])
  })

  it('given by flag bring no override and set the folder', async () => {
    const files = { '/x/a.yml': '', '/x/compose.override.yml': '', '/home/p/b.yml': '' }
    const found = await find(files, { files: ['/x/a.yml', 'b.yml'] })
    expect([found.paths, found.sources.workingDir]).toEqual([['/x/a.yml', '/home/p/b.yml'], '/x'])
  })

  it('may come from COMPOSE_FILE, also out of .env, split as COMPOSE_PATH_SEPARATOR says', async () => {
    const files = {
      '/home/p/.env': 'COMPOSE_FILE=a.yml%b.yml\nCOMPOSE_PATH_SEPARATOR=%',
      '/home/p/a.yml': '',
      '/home/p/b.yml': '',
    }
    expect((await find(files)).paths).toEqual(['/home/p/a.yml', '/home/p/b.yml'])
  })

  it('named - are standard input, in the current folder', async () => {
    const found = await find({}, { files: ['-'], readStdin: async () => 'services: {a: {image: x}}' })
    expect(found.sources.files).toEqual([{ path: '-', text: 'services: {a: {image: x}}' }])
    expect(found.sources.workingDir).toBe('/home/p')
  })

  it.each<[string, Partial<SourceRequest>]>([
    ['-f', { files: ['-', '/x/b.yml', '/y/c.yml'] }],
    ['COMPOSE_FILE', { env: { COMPOSE_FILE: '-:/x/b.yml' } }],
  ])('after - set the folder, and the name with it (%s)', async (_, more) => {
    const found = await find({ '/x/b.yml': '', '/y/c.yml': '', '/x/.env': 'A=1' }, more)
    expect([found.sources.workingDir, found.sources.fallbackName, found.env['A']]).toEqual(['/x', 'x', '1'])
  })

  it('of a usual name that are folders are an error, and never passed over for a folder above', async () => {
    const files = { '/home/p/compose.yaml': aFolder, '/home/compose.yaml': 'services: {a: {image: x}}' }
    await expect(find(files)).rejects.toThrow('read /home/p/compose.yaml: is a directory')
    const override = { '/home/p/compose.yaml': '', '/home/p/compose.override.yaml': aFolder }
    await expect(find(override)).rejects.toThrow('read /home/p/compose.override.yaml: is a directory')
  })

  it.each(['', ':', ' : '])('are looked for when COMPOSE_FILE is %j', async (value) => {
    const found = await find({ '/home/p/compose.yaml': '' }, { env: { COMPOSE_FILE: value } })
    expect(found.paths).toEqual(['/home/p/compose.yaml'])
  })

  it('that are nowhere, or not where they should be, are an error', async () => {
    const none = { message: 'no configuration file provided: not found' }
    await expect(find({})).rejects.toMatchObject({ ...none, hint: 'there is no folder /home/p' })
    const there = {
      ...options({}).files,
      kindOf: (path: string) => (path === '/home/p' ? 'folder' : 'missing'),
    } as const
    await expect(findSources(request(), { ...options({}), files: there })).rejects.toMatchObject({
      ...none,
      hint: 'no compose.yaml, compose.yml, docker-compose.yml, docker-compose.yaml in /home/p or above; -f FILE names another one',
    })
    await expect(find({}, { files: ['no.yml'] })).rejects.toThrow('open /home/p/no.yml: no such file or directory')
  })

  it('that are too large are an error with the name', async () => {
    const files = { '/home/p/a.yml': 'x'.repeat(2000) }
    const small = { ...options(files), limits: { composeFileBytes: 1000 } }
    await expect(findSources(request({ files: ['a.yml'] }), small)).rejects.toThrow(
      '/home/p/a.yml: more than 1000 bytes',
    )
  })
})

describe('variables', () => {
  const file = { '/home/p/compose.yaml': 'services: {}' }

  it('of the process win over .env, later env files over earlier ones', async () => {
    const files = {
      ...file,
      '/home/p/.env': 'A=file\nB=file',
      '/home/p/1.env': 'A=1\nC=1',
      '/home/p/2.env': 'C=2\nD=${C}',
    }
    expect((await find(files, { env: { A: 'process' } })).env).toMatchObject({
      A: 'process',
      B: 'file',
      PWD: '/home/p',
    })
    const found = await find(files, { env: { A: 'process' }, envFiles: ['1.env', '2.env'] })
    expect({ ...found.env }).toEqual({ A: 'process', C: '2', D: '2', PWD: '/home/p' })
    expect(found.sources.environmentFiles).toEqual(['/home/p/1.env', '/home/p/2.env'])
  })

  it('of .env are left alone when COMPOSE_DISABLE_ENV_FILE says so', async () => {
    const files = { ...file, '/home/p/.env': 'A=file' }
    expect((await find(files, { env: { COMPOSE_DISABLE_ENV_FILE: '1' } })).env['A']).toBeUndefined()
  })

  it.each([
    [['~/1.env'], {}],
    [[], { COMPOSE_ENV_FILES: '~/1.env' }],
  ])('of a file in the home directory: %j %j', async (envFiles, env) => {
    const files = { ...file, '/home/me/1.env': 'A=home', '/home/p/~/1.env': 'A=literal' }
    const found = await find(files, { envFiles, env: { ...env, HOME: '/home/me' } })
    expect(found.env['A']).toBe('home')
    expect(found.sources.environmentFiles).toEqual(['/home/me/1.env'])
  })

  it('name the env file that is missing or wrong', async () => {
    await expect(find(file, { envFiles: ['no.env'] })).rejects.toThrow("couldn't find env file: /home/p/no.env")
    await expect(find({ ...file, '/home/p/.env': 'A=1\nB="x' })).rejects.toThrow(
      'failed to read /home/p/.env: line 2: unterminated quoted value "x',
    )
  })
})

describe('a folder reached by a link of another name', () => {
  const warning = 'project has been loaded without an explicit name from a symlink. Using name "link"'

  it.each<[string, string, Partial<SourceRequest>, readonly string[]]>([
    ['nothing', '', {}, ['link', warning]],
    ['the file', 'name: n\n', {}, ['n']],
    ['a flag', '', { projectName: 'f' }, ['f']],
    ['a variable', '', { env: { COMPOSE_PROJECT_NAME: 'v' } }, ['v']],
  ])('names the project, with a warning, when %s does', async (_, head, more, wanted) => {
    const warnings: string[] = []
    const files = { '/home/link/compose.yaml': `${head}services: {a: {image: x}}` }
    const project = await readProject(request({ cwd: '/home/link', ...more }), options(files, warnings))
    expect([project.name, ...warnings]).toEqual(wanted)
  })
})

describe('name and profiles', () => {
  const files = {
    '/home/p/compose.yaml': 'name: inside\nservices: {a: {image: x, profiles: [q]}}',
    '/home/p/.env': 'COMPOSE_PROFILES=q, r\nCOMPOSE_PROJECT_NAME=from-env',
  }

  it('come from flags before variables before the file', async () => {
    expect((await readProject(request(), options(files))).name).toBe('from-env')
    expect((await readProject(request({ projectName: 'flag' }), options(files))).name).toBe('flag')
    const { '/home/p/.env': _, ...bare } = files
    expect((await readProject(request(), options(bare))).name).toBe('inside')
  })

  it('of no letters is a profile that is on while no other is asked for, as in 2.40', async () => {
    const optional = { '/home/p/compose.yaml': 'services: {a: {image: x, profiles: ["${EXTRA:-}"]}, b: {image: x}}' }
    const services = async (more: Partial<SourceRequest>): Promise<readonly string[]> =>
      Object.keys((await readProject(request(more), options(optional))).services)
    expect(await services({})).toEqual(['a', 'b'])
    expect(await services({ env: { COMPOSE_PROFILES: '' } })).toEqual(['a', 'b'])
    expect(await services({ env: { COMPOSE_PROFILES: 'p,' } })).toEqual(['a', 'b'])
    expect(await services({ env: { COMPOSE_PROFILES: 'p' } })).toEqual(['b'])
    expect(await services({ profiles: ['p'] })).toEqual(['b'])
    expect(await services({ env: { EXTRA: 'on' } })).toEqual(['b'])
  })

  it('of profiles switch services on', async () => {
    expect(Object.keys((await readProject(request(), options(files))).services)).toEqual(['a'])
    const other = await readProject(request({ profiles: ['z'] }), options(files))
    expect([Object.keys(other.services), Object.keys(other.disabledServices)]).toEqual([[], ['a']])
  })

  it('given in a wrong form are refused with the right one', async () => {
    await expect(readProject(request({ projectName: 'A B' }), options(files))).rejects.toMatchObject({
      message:
        'invalid project name "A B": must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number',
      hint: 'use "ab"',
    })
  })
})

describe('a text that the quick YAML reader refuses', () => {
  const version = 'version: "3"\n'

  it('is read by the lax one, and warned of once', async () => {
    const warnings: string[] = []
    const text = `${version}services:\n  web:\n    image: x\n    command: [\n      a\n    ]\n`
    const project = await readProject(request(), options({ '/home/p/compose.yaml': text }, warnings))
    expect(project.services['web']?.command).toEqual(['a'])
    expect(warnings).toEqual([expect.stringContaining('`version` is obsolete')])
  })

  it('and the lax one too is an error in the words of that', async () => {
    const files = options({ '/home/p/compose.yaml': 'services: [\n' })
    await expect(readProject(request(), files)).rejects.toThrow(/yaml: line \d: flow sequence .* end with a \]/)
  })

  it('leaves the warnings before another error in their place', async () => {
    const warnings: string[] = []
    const text = `${version}services: { web: { image: x, deploy: { replicas: nine } } }\n`
    await expect(readProject(request(), options({ '/home/p/compose.yaml': text }, warnings))).rejects.toThrow(
      'replicas',
    )
    expect(new Set(warnings).size).toBe(warnings.length)
  })
})
