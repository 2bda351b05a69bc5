import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensurePrograms, programForms } from './programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'flotilla-config-'))

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return name
}

beforeAll(() => {
  ensurePrograms()
  write(
    'compose.yaml',
    'name: shop\nservices:\n  web:\n    image: "web:${TAG:-1}"\n    command: echo $$HOME\n    depends_on: [db]\n  db:\n    image: db\n    volumes: ["data:/d"]\nvolumes:\n  data:\n',
  )
  write(
    'profiles.yml',
    'services: {web: {image: x, profiles: [p], depends_on: [db]}, db: {image: x, profiles: [q]}, all: {image: x}}',
  )
  write('wrong.yml', 'services:\n  web:\n    image: x\n    volums: [a]\n')
  write('deep.yml', `a: ${'['.repeat(100_000)}`)
  write('proto.yml', 'services: {__proto__: {image: p}, constructor: {image: c, depends_on: [__proto__]}}')
  const levels = ['a: &a [x,x,x,x,x,x,x,x,x]']
  for (let index = 1; index < 9; index += 1) {
    const [name, before] = ['abcdefghi'.charAt(index), 'abcdefghi'.charAt(index - 1)]
    levels.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(',')}]`)
  }
  write('bomb.yml', levels.join('\n'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.each(programForms)('docker-compose config ($name)', (form) => {
  const run = (...args: readonly string[]) =>
    form.run('docker-compose', [...args], { cwd: folder, env: { TAG: '', COMPOSE_PROJECT_NAME: '' } })

  it('prints the project as docker-compose prints it', async () => {
    expect(await run('config')).toMatchObject({
      code: 0,
      stderr: '',
      stdout: `name: shop
services:
  db:
    image: db
    networks:
      default: null
    volumes:
      - type: volume
        source: data
        target: /d
        volume: {}
  web:
    command:
      - echo
      - $$HOME
    depends_on:
      db:
        condition: service_started
        required: true
    image: web:1
    networks:
      default: null
networks:
  default:
    name: shop_default
volumes:
  data:
    name: shop_data
`,
    })
  })

  it.each([
    [['--services'], 'db\nweb\n'],
    [['--images'], 'db\nweb:1\n'],
    [['--volumes'], 'data\n'],
    [['--networks'], 'default\n'],
    [['--quiet'], ''],
    [['--quiet', '--services'], 'db\nweb\n'],
    [
      ['--variables'],
      'NAME                REQUIRED            DEFAULT VALUE       ALTERNATE VALUE\nTAG                 false               1                   \n',
    ],
    [['db', '--images'], 'db\n'],
  ])('%j lists what was asked for', async (args, stdout) => {
    expect(await run('config', ...args)).toMatchObject({ code: 0, stdout })
  })

  it.each([
    ['--progress', 'fancy', 'config'],
    ['--progress', 'rawjson', 'ps'],
    ['-p', 'shop', '--progress', 'TTY', 'stop'],
  ])('and others know how progress can be shown: %j', async (...args) => {
    expect(await run(...args)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `unsupported --progress value "${args[args.indexOf('--progress') + 1]}"\n`,
    })
  })

  it.each(['xml', 'YAML', 'table {{.Name}}'])('lists variables in no form called %j', async (format) => {
    expect(await run('config', '--variables', '--format', format)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `format value "${format}" could not be parsed: parsing failed\n`,
    })
  })

  it.each([['config'], ['up', '-d'], ['run'], ['pull'], ['build']])(
    'and others name a dependency that is switched off: %j',
    async (...command) => {
      const result = await run('-f', 'profiles.yml', ...command, 'web')
      expect(result).toMatchObject({ code: 1, stdout: '' })
      expect(result.stderr).toContain('no such service: db\n')
    },
  )

  it('of a wrong file says what, where and what was meant', async () => {
    const result = await run('-f', 'wrong.yml', 'config')
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toContain("services.web additional properties 'volums' not allowed\n")
    expect(result.stderr).toContain('wrong.yml:4:5: did you mean "volumes"?')
  })

  it('of services called __proto__ and constructor works like any other', async () => {
    expect(await run('-f', 'proto.yml', 'config', '--services')).toMatchObject({
      code: 0,
      stdout: '__proto__\nconstructor\n',
    })
  })

  it.each([
    ['bomb.yml', /the project has more than 1000000 nodes/],
    ['deep.yml', /deep\.yml: line 1: nested more than 100 levels deep/],
  ])('of %s ends with an error and no stack', async (file, message) => {
    const result = await run('-f', file, 'config')
    expect(result).toMatchObject({ code: 1, stdout: '' })
    expect(result.stderr).toMatch(message)
    expect(result.stderr).not.toContain('    at ')
  })
})
