import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { makeDictionary } from '../src/compose/model/dictionary.ts'
import type { Project } from '../src/compose/model/project.ts'
import { loadProjectNow } from '../src/compose/load/load-now.ts'
import type { LoadOptions, SourceFile } from '../src/compose/load/options.ts'
import { dropUnused } from '../src/compose/load/select.ts'

/**
 * Files of our own and what docker-compose 2.40.3 printed for them (`config`, `config --format json`,
 * `config --hash '*'`), recorded in a folder called /p with HOME=/home/u and B=1. `dotenv` stands for `.env`.
 */
export const agreementNames = ['fields', 'forms', 'strings', 'merge', 'reset', 'extends'] as const

const fixtures = join(import.meta.dirname, 'fixtures/compose-config')

/** The Compose files of one folder, as if they lay in /p. */
export function readAgreementFiles(name: string): readonly SourceFile[] {
  return readdirSync(join(fixtures, name))
    .filter((file) => file.endsWith('.yml'))
    .sort()
    .map((file) => ({ path: `/p/${file}`, text: readFileSync(join(fixtures, name, file), 'utf8') }))
}

/** What the reference program printed: `yaml`, `json` or `hash`. */
export function readExpected(name: string, kind: string): string {
  return readFileSync(join(fixtures, name, `expected.${kind}`), 'utf8')
}

/** The project of one folder, in the surroundings of the recording. */
export function loadAgreement(
  name: string,
  files: readonly SourceFile[] = readAgreementFiles(name),
  { keepUnused = false, ...options }: Partial<LoadOptions> & { readonly keepUnused?: boolean } = {},
): Project {
  const folder = join(fixtures, name)
  const toReal = (path: string): string =>
    join(
      folder,
      path.replace(/^\/p/, '').replace(/\.env$/, (end) => (path.endsWith('/.env') ? 'dotenv' : end)),
    )
  const read = (path: string): string | undefined =>
    existsSync(toReal(path)) ? readFileSync(toReal(path), 'utf8') : undefined
  const environment = makeDictionary([
    ['HOME', '/home/u'],
    ['B', '1'],
    ['PWD', '/p'],
  ])
  const dotenv = read('/p/.env')
  if (dotenv !== undefined) environment['TAG'] = dotenv.trim().replace('TAG=', '')
  const project = loadProjectNow(
    { files, workingDir: '/p', environment, projectName: 'fix' },
    {
      files: {
        readText: read,
        kindOf: (path) => (read(path) === undefined ? 'missing' : 'file'),
        resolveLinks: (path) => path,
      },
      ...options,
    },
  )
  return keepUnused ? project : dropUnused(project)
}
