import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hashService } from '../hash.ts'
import { makeDictionary, sortedNames } from '../model/dictionary.ts'
import type { Project } from '../model/project.ts'
import { renderProject } from '../model/render/project.ts'
import { loadProject } from './load.ts'
import { dropUnused } from './select.ts'

/**
 * Files of our own and what docker-compose 2.40.3 printed for them (`config`, `config --format json`,
 * `config --hash '*'`), recorded in a folder called /p with HOME=/home/u and B=1. `dotenv` stands for `.env`.
 */
const fixtures = join(import.meta.dirname, '../../../test/fixtures/compose-config')

function load(name: string): Project {
  const folder = join(fixtures, name)
  const toReal = (path: string): string =>
    join(
      folder,
      path.replace(/^\/p/, '').replace(/\.env$/, (end) => {
        return path.endsWith('/.env') ? 'dotenv' : end
      }),
    )
  const read = (path: string): string | undefined =>
    existsSync(toReal(path)) ? readFileSync(toReal(path), 'utf8') : undefined
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.yml'))
    .sort()
  const environment = makeDictionary([
    ['HOME', '/home/u'],
    ['B', '1'],
    ['PWD', '/p'],
  ])
  const dotenv = read('/p/.env')
  if (dotenv !== undefined) environment['TAG'] = dotenv.trim().replace('TAG=', '')
  return dropUnused(
    loadProject(
      {
        files: files.map((file) => ({ path: `/p/${file}`, text: read(`/p/${file}`) ?? '' })),
        workingDir: '/p',
        environment,
        projectName: 'fix',
      },
      {
        files: {
          readText: read,
          kindOf: (path) => (read(path) === undefined ? 'missing' : 'file'),
          resolveLinks: (path) => path,
        },
      },
    ),
  )
}

function expected(name: string, kind: string): string {
  return readFileSync(join(fixtures, name, `expected.${kind}`), 'utf8')
}

describe.each(['fields', 'strings', 'merge', 'reset', 'extends'])('the files of %s', (name) => {
  it('are printed as YAML as docker-compose 2.40 prints them', () => {
    expect(renderProject(load(name), 'yaml').replaceAll('$', '$$$$')).toBe(expected(name, 'yaml'))
  })

  it('are printed as JSON as docker-compose 2.40 prints them', () => {
    expect(renderProject(load(name), 'json').replaceAll('$', '$$$$')).toBe(expected(name, 'json'))
  })

  it('give every service the hash docker-compose 2.40 gives it', () => {
    const project = load(name)
    const hashes = sortedNames(project.services).map(
      (service) => `${service} ${hashService(project.services[service]!)}\n`,
    )
    // The reference program leaves env files out of this listing (not out of the label).
    const isListed = (line: string): boolean => name !== 'extends' || /^(?:dep|inc|one) /.test(line)
    const wanted = expected(name, 'hash').split(/(?<=\n)/)
    expect(hashes.filter(isListed)).toEqual(wanted.filter(isListed))
  })
})
