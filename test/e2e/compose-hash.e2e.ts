import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashServiceWithoutLabelFile } from '../../src/compose/hash.ts'
import { loadProjectNow } from '../../src/compose/load/load-now.ts'
import type { LoadOptions } from '../../src/compose/load/options.ts'
import { makeDictionary } from '../../src/compose/model/dictionary.ts'
import type { Project } from '../../src/compose/model/project.ts'
import { renderProject } from '../../src/compose/model/render/project.ts'
import { execProgram } from '../../src/io/exec.ts'
import { systemClock } from '../../src/io/clock.ts'
import { kindOfPath, readTextNow, resolveLinks } from '../../src/io/text-files.ts'
import { fieldsFiles, fieldsProject, serviceFields } from '../fixtures/service-fields.ts'
import { findReferenceCompose } from './compose-host.ts'

/** Every field a service can have is printed and hashed as the real docker-compose 2.40 does it. No engine is needed. */

/** Newer than 2.40. */
const newer = new Set(['pre_start', 'uncached stages'])

describe('every field', () => {
  let folder = ''
  let hashes: ReadonlyMap<string, string> = new Map()
  let printed: Readonly<Record<string, unknown>> = {}
  const rows = Object.entries(serviceFields).filter(([name]) => !newer.has(name))
  const keys = rows.map(([name], index) => [name, `s${index}`] as const)

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hash-e2e-'))
    const text = fieldsProject(rows.map(([, { yaml }], index) => [`s${index}`, yaml]))
    await writeFile(join(folder, 'compose.yaml'), text)
    for (const [name, content] of Object.entries(fieldsFiles)) await writeFile(join(folder, name), content)
    const reference = await findReferenceCompose()
    const run = async (...args: readonly string[]): Promise<string> => {
      const env = { PATH: process.env['PATH'] ?? '', HOME: folder }
      const result = await execProgram([reference, '-p', 'p', '--profile', 'p', 'config', ...args], {
        clock: systemClock,
        cwd: folder,
        env,
      })
      expect(result.code, result.stderr).toBe(0)
      return result.stdout
    }
    const lines = (await run('--hash', '*')).trim().split('\n')
    hashes = new Map(lines.map((line) => line.split(' ') as [string, string]))
    printed = (JSON.parse(await run('--format', 'json')) as { services: Record<string, unknown> }).services
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  function load(options: Partial<LoadOptions> = {}): Project {
    const path = join(folder, 'compose.yaml')
    return loadProjectNow(
      {
        files: [{ path, text: readTextNow(path, 1e6) ?? '' }],
        workingDir: folder,
        environment: makeDictionary(),
        projectName: 'p',
      },
      { profiles: ['p'], files: { readText: readTextNow, kindOf: kindOfPath, resolveLinks }, ...options },
    )
  }

  // The reference program leaves env files unread in this listing, and label files unnamed; its labels say otherwise.
  describe('has the same hash', () => {
    let project: Project
    beforeAll(() => {
      project = load({ skipEnvironment: true })
    })

    it.each(keys)('%s', (_, key) => {
      expect(hashServiceWithoutLabelFile(project.services[key]!)).toBe(hashes.get(key))
    })
  })

  it('is printed as the same JSON', () => {
    const { services } = JSON.parse(renderProject(load(), 'json').replaceAll('$', '$$$$')) as {
      readonly services: Readonly<Record<string, unknown>>
    }
    for (const [name, key] of keys) expect(services[key], name).toEqual(printed[key])
  })
})
