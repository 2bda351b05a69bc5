import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { limitSettings, readLimitSettings } from '../../compose/load/limit-settings.ts'
import { defaultLimits } from '../../compose/load/limits.ts'
import type { LoadLimits } from '../../compose/load/limits.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }
const MiB = 1024 * 1024

let bed: ProgramBed
beforeEach(async () => {
  bed = await startProgramBed(program, { images: ['x'] })
  await mkdir(join(bed.folder, '.config', 'flotilla'), { recursive: true })
})
afterEach(() => bed.close())

const configFile = '.config/flotilla/config.json'

describe('limits of Compose files', () => {
  it('have the defaults of the requirements', () => {
    // reliability.md §2; of services there are twice as many, since H-Y8 has 20,000 in an honest file.
    expect(defaultLimits).toEqual({
      composeFileBytes: 4 * MiB,
      allFilesBytes: 32 * MiB,
      yamlDepth: 100,
      yamlNodes: 1_000_000,
      includeDepth: 64,
      includedFiles: 1000,
      valueLength: MiB,
      nestedDefaults: 32,
      services: 20_000,
      replicas: 100_000,
      envFileBytes: 16 * MiB,
      labels: 10_000,
    } satisfies LoadLimits)
  })

  it.each(Object.entries(limitSettings))('%s takes its bounds and nothing beyond', (name, { kind, least, most }) => {
    for (const value of [least, most]) expect(readLimitSettings({ [name]: value })).toEqual({ [name]: value })
    const wrong = [least - 1, most + 1, 1.5, -1, null, true, [], {}, '', 'x', kind === 'count' ? '100' : '1x']
    for (const value of wrong) {
      expect(() => readLimitSettings({ [name]: value })).toThrow(`limits.${name} should be a `)
      expect(() => readLimitSettings({ [name]: value })).toThrow(`, ${JSON.stringify(value)} is invalid`)
    }
  })

  it('may have sizes as texts', () => {
    expect(readLimitSettings({ composeFileBytes: '8m', envFileBytes: '64KiB' })).toEqual({
      composeFileBytes: 8 * MiB,
      envFileBytes: 65_536,
    })
  })
})

interface Breach {
  readonly value: number
  readonly files: Readonly<Record<string, string>>
  readonly argv?: readonly string[]
  readonly says: string
}

const web = 'services: { web: { image: x } }\n'
const long = `# ${'x'.repeat(2000)}\n`

const breaches: { readonly [K in keyof LoadLimits]: Breach } = {
  composeFileBytes: {
    value: 1024,
    files: { 'compose.yaml': web + long },
    says: 'compose.yaml": it is larger than 1024 bytes',
  },
  allFilesBytes: {
    value: 3000,
    files: { 'compose.yaml': web + long, 'b.yaml': web + long },
    argv: ['-f', 'compose.yaml', '-f', 'b.yaml', 'config'],
    says: 'the files of the project hold more than 3000 bytes',
  },
  yamlDepth: {
    value: 16,
    files: { 'compose.yaml': `${web}x-deep: ${'['.repeat(20)}${']'.repeat(20)}\n` },
    says: 'line 2: nested more than 16 levels deep',
  },
  yamlNodes: {
    value: 50,
    files: { 'compose.yaml': `x-a: &a [1, 2, 3, 4, 5, 6, 7, 8]\nx-b: [*a, *a, *a, *a, *a, *a]\n${web}` },
    says: 'the project has more than 50 nodes; the anchor "a" expands to most of them',
  },
  includeDepth: {
    value: 1,
    files: {
      'compose.yaml': `include: [b.yaml]\n${web}`,
      'b.yaml': 'include: [c.yaml]\nservices: {}\n',
      'c.yaml': 'include: [d.yaml]\nservices: {}\n',
      'd.yaml': 'services: {}\n',
    },
    says: 'files include each other more than 1 deep:\n',
  },
  includedFiles: {
    value: 1,
    files: {
      'compose.yaml': `include: [b.yaml, c.yaml]\n${web}`,
      'b.yaml': 'services: {}\n',
      'c.yaml': 'services: {}\n',
    },
    says: 'the project includes more than 1 files',
  },
  valueLength: {
    value: 10,
    files: { 'compose.yaml': 'services: { web: { image: "x${NONE:-123456789012}" } }\n' },
    says: 'services.web.image: the value is longer than 10 characters',
  },
  nestedDefaults: {
    value: 2,
    files: { 'compose.yaml': 'services: { web: { image: "x${A:-${B:-${C:-${D:-1}}}}" } }\n' },
    says: 'services.web.image: defaults are nested more than 2 deep',
  },
  services: {
    value: 1,
    files: { 'compose.yaml': 'services: { web: { image: x }, db: { image: x } }\n' },
    says: 'the project has more than 1 services',
  },
  replicas: {
    value: 2,
    files: { 'compose.yaml': 'services: { web: { image: x, deploy: { replicas: 3 } } }\n' },
    says: 'services.web: more than 2 replicas',
  },
  envFileBytes: {
    value: 1024,
    files: { 'compose.yaml': 'services: { web: { image: x, env_file: a.env } }\n', 'a.env': `A=1\n${long}` },
    says: 'a.env": it is larger than 1024 bytes',
  },
  labels: {
    value: 1,
    files: { 'compose.yaml': `${web}networks: { default: { labels: { a: 1, b: 2 } } }\n` },
    says: 'networks.default: more than 1 labels',
  },
}

/** Whose limit is met in another place too. */
const more: readonly (readonly [keyof LoadLimits, string, Breach])[] = [
  [
    'envFileBytes',
    'the .env of the folder',
    { value: 1024, files: { 'compose.yaml': web, '.env': `A=1\n${long}` }, says: '.env": it is larger than' },
  ],
  [
    'valueLength',
    'an env file',
    {
      value: 10,
      files: { 'compose.yaml': web, '.env': 'A=12345678\nB="$A$A"\n' },
      says: 'line 2: the value is longer than 10 characters',
    },
  ],
  [
    'labels',
    'a label file',
    {
      value: 1,
      files: { 'compose.yaml': 'services: { web: { image: x, label_file: a.labels } }\n', 'a.labels': 'a=1\nb=2\n' },
      says: 'services.web: more than 1 labels',
    },
  ],
  [
    'includeDepth',
    'extends',
    {
      value: 1,
      files: {
        'compose.yaml': 'services: { a: { extends: b }, b: { extends: c }, c: { extends: d }, d: { image: x } }\n',
      },
      says: 'services extend each other more than 1 deep:\n',
    },
  ],
  [
    'replicas',
    '--scale',
    {
      value: 2,
      files: { 'compose.yaml': web },
      argv: ['up', '-d', '--scale', 'web=3'],
      says: 'services.web: more than 2 replicas',
    },
  ],
  [
    'envFileBytes',
    'run --env-from-file',
    {
      value: 1024,
      files: { 'compose.yaml': web, 'a.env': `A=1\n${long}` },
      argv: ['run', '-d', '--env-from-file', 'a.env', 'web'],
      says: 'a.env": it is larger than 1024 bytes',
    },
  ],
]

describe('a lowered limit takes effect', () => {
  const cases = Object.entries(breaches) as readonly [keyof LoadLimits, Breach][]
  it.each([...cases.map(([name, breach]) => [name, 'the project', breach] as const), ...more])(
    '%s: %s',
    async (name, _, { value, files, argv = ['config'], says }) => {
      for (const [file, text] of Object.entries(files)) await bed.write(file, text)
      expect(await bed.run(...argv)).toMatchObject({ code: 0 })
      await bed.write(configFile, JSON.stringify({ limits: { [name]: value } }))
      const refused = await bed.run(...argv)
      expect(refused).toMatchObject({ code: 1, stdout: '' })
      expect(refused.stderr).toContain(says)
      expect(refused.stderr).toContain(`raise limits.${name} in the configuration file of Flotilla`)
    },
  )

  it('for the standard input, which is read no further than that', async () => {
    await bed.write(configFile, '{"limits": {"composeFileBytes": 1024}}')
    const running = bed.start('-f', '-', 'config')
    while (!running.stdin.destroyed) {
      running.stdin.write(long)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect(await running.code).toBe(1)
    expect(running.stderr).toContain('-: more than 1024 bytes\n')
  })
})

it('a limit that was raised lets through what was refused', async () => {
  await bed.write('compose.yaml', `${web}${`# ${'x'.repeat(1000)}\n`.repeat(5000)}`)
  const refused = await bed.run('config', '-q')
  expect(refused.stderr).toContain('it is larger than 4194304 bytes\nhint: raise limits.composeFileBytes')
  await bed.write(configFile, '{"plugins": 7, "limits": {"composeFileBytes": "8m"}}')
  expect(await bed.run('config', '-q')).toEqual({ code: 0, stdout: '', stderr: '' })
})

it.each<[string, Readonly<Record<string, string>>]>([
  ['lists', { 'compose.yaml': `${web}x-deep: ${'['.repeat(490)}${']'.repeat(490)}\n` }],
  ['maps', { 'compose.yaml': `${web}x-deep: ${'{a: '.repeat(490)}1${'}'.repeat(490)}\n` }],
  ['defaults', { 'compose.yaml': `services: { web: { image: "x${'${A:-'.repeat(490)}${'}'.repeat(490)}" } }\n` }],
  [
    'services that extend each other',
    {
      'compose.yaml': `services:\n${Array.from({ length: 490 }, (_, at) => `  s${at}: { extends: s${at + 1} }\n`).join('')}  s490: { image: x }\n`,
    },
  ],
  [
    'files that include each other',
    Object.fromEntries(
      Array.from({ length: 490 }, (_, at) => [
        at === 0 ? 'compose.yaml' : `${at}.yaml`,
        at === 489 ? web : `include: [${at + 1}.yaml]\nservices: { s${at}: { image: x } }\n`,
      ]),
    ),
  ],
])(
  'at the highest depth that can be set %s are read',
  async (_, files) => {
    for (const [file, text] of Object.entries(files)) await bed.write(file, text)
    expect((await bed.run('config', '-q')).stderr).toContain('hint: ')
    await bed.write(configFile, '{"limits": {"yamlDepth": 500, "includeDepth": 500, "nestedDefaults": 500}}')
    for (const argv of [['-q'], ['--format', 'json'], ['--hash', '*']]) {
      expect(await bed.run('config', ...argv)).toMatchObject({ code: 0, stderr: '' })
    }
    // Each of 490 files that include the next is a project that holds all those below: 120,000 services are read, three times.
  },
  180_000,
)

describe('a configuration that is wrong', () => {
  it.each([
    ['{', /it is not JSON: /],
    ['[]', /it is not a JSON object/],
    ['{"limits": []}', /"limits" is not an object/],
    ['{"limits": {"yamlDeph": 20}}', /there is no limit limits\.yamlDeph\nhint: did you mean limits\.yamlDepth\?/],
    ['{"limits": {"__proto__": 20}}', /there is no limit limits\.__proto__/],
    ['{"limits": {"labels": "ten"}}', /limits\.labels should be a number from 1 to 10000000, "ten" is invalid/],
    ['{"limits": {"envFileBytes": "1g"}}', /limits\.envFileBytes should be a size from 1k to 511m, "1g" is invalid/],
  ])('%s is refused with its file', async (text, says) => {
    await bed.write('compose.yaml', web)
    await bed.write(configFile, text)
    const { code, stdout, stderr } = await bed.run('config')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(`configuration "${join(bed.folder, configFile)}": `)
    expect(stderr).toMatch(says)
  })

  it('that is named and is not there is refused', async () => {
    const other = await startProgramBed(program, {}, { FLOTILLA_CONFIG: '/none/config.json' })
    try {
      await other.write('compose.yaml', web)
      const { code, stderr } = await other.run('config')
      expect([code, stderr]).toEqual([1, 'configuration "/none/config.json": there is no such file\n'])
    } finally {
      await other.close()
    }
  })

  it('without limits changes nothing', async () => {
    await bed.write('compose.yaml', web)
    await bed.write(configFile, '{"plugins": ["not-there"]}')
    expect(await bed.run('config', '-q')).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})
