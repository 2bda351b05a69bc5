import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashService } from '../../src/compose/hash.ts'
import { loadProject } from '../../src/compose/load/load.ts'
import { makeDictionary } from '../../src/compose/model/dictionary.ts'
import { execProgram } from '../../src/io/exec.ts'
import { systemClock } from '../../src/io/clock.ts'
import { kindOfPath, readTextNow, resolveLinks } from '../../src/io/text-files.ts'
import { serviceFields } from '../fixtures/service-fields.ts'
import { findReferenceCompose } from './compose-host.ts'

/** Every field a service can have gives the hash the real docker-compose 2.40 gives it. No engine is needed. */

/** Newer than 2.40. */
const newer = new Set(['pre_start', 'uncached stages'])

describe('the hash of every field', () => {
  let folder = ''
  let theirs: ReadonlyMap<string, string> = new Map()
  const rows = Object.entries(serviceFields).filter(([name]) => !newer.has(name))
  const keyOf = (index: number): string => `s${index}`

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hash-e2e-'))
    const services = rows.map(([, { yaml }], index) => {
      const image = yaml.startsWith('provider') ? '' : '    image: busybox\n'
      return `  ${keyOf(index)}:\n${image}    ${yaml.replaceAll('\n', '\n    ')}\n`
    })
    const resources = [
      'volumes: { data: {} }',
      'secrets: { key: { file: ./key.txt } }',
      `configs: { app: { content: '{"a": 1}' } }`,
      'models: { llm: { model: ai/x } }',
    ]
    const text = `services:\n${services.join('')}  db: { image: busybox }\n${resources.join('\n')}\n`
    await writeFile(join(folder, 'compose.yaml'), text)
    await writeFile(join(folder, 'l.env'), 'f=1\n')
    const result = await execProgram(
      [await findReferenceCompose(), '-p', 'p', '--profile', 'p', 'config', '--hash', '*'],
      {
        clock: systemClock,
        cwd: folder,
        env: { PATH: process.env['PATH'] ?? '', HOME: folder },
      },
    )
    expect(result.code, result.stderr).toBe(0)
    theirs = new Map(
      result.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ') as [string, string]),
    )
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  // The reference program leaves env files unread in this listing, and only here.
  it.each(rows.map(([name], index) => [name, keyOf(index)] as const))('%s', async (_, key) => {
    const path = join(folder, 'compose.yaml')
    const project = loadProject(
      {
        files: [{ path, text: readTextNow(path, 1e6) ?? '' }],
        workingDir: folder,
        environment: makeDictionary(),
        projectName: 'p',
      },
      { profiles: ['p'], skipEnvironment: true, files: { readText: readTextNow, kindOf: kindOfPath, resolveLinks } },
    )
    expect(hashService(project.services[key]!)).toBe(theirs.get(key))
  })
})
