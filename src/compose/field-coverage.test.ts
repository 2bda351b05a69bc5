import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { agreementNames, loadAgreement, readAgreementFiles } from '../../test/compose-agreement.ts'
import { engineView } from '../../test/compose-engine-view.ts'
import {
  allRows,
  loadRow,
  lookAt,
  materialsOf,
  othersLike,
  parseTree,
  putIn,
  takeOut,
} from '../../test/compose-field-rows.ts'
import { fieldOf, placesOfSchema, placesOfTree } from '../../test/compose-schema.ts'
import type { Tree, Path } from '../../test/compose-schema.ts'
import { noEngine, noModel } from '../../test/fixtures/field-reasons.ts'
import { renderProject } from './model/render/project.ts'
import type { Project } from './model/project.ts'

/**
 * Every field of the schema is in a load test and in a create test, and neither would pass without it: each is taken out of
 * its fixture, and then what is loaded, or what the engine is told, has to be something else. A value without which there is
 * nothing at all is written differently for that: an error would not show that it arrives.
 *
 * What is right is said elsewhere: the recordings of docker-compose 2.40 (`load/agreement.test.ts`), `load/newer.test.ts`,
 * `fields.test.ts` and `project-fields.test.ts`.
 */

const failure = 'fails: '

/** The text of what loading gives, or of why it does not. */
function tryTo(make: () => string): string {
  try {
    return make()
  } catch (error) {
    return `${failure}${String(error)}`
  }
}

/** Whether a changed file is told otherwise; `refused`: it ends in another error than the file, which ends in one as well. */
type Difference = boolean | 'fails' | 'refused'

function differenceOf(before: string | undefined, after: string | undefined): Difference {
  if (before === after || after?.startsWith(failure) !== true) return before !== after
  return before?.startsWith(failure) === true ? 'refused' : 'fails'
}

/**
 * Whether it makes a difference what is at a path. An error in place of the whole says so only of what has fields of its own,
 * which are looked at for themselves; other values are tried then. An error that names the value says so as well.
 */
function hasTrace(tree: Tree, path: Path, compare: (changed: Tree) => Difference): boolean {
  const value = lookAt(tree, path)
  const without = compare(takeOut(tree, path))
  if (typeof without === 'boolean') return without
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return true
  return othersLike(value).some((other) => [true, 'refused'].includes(compare(putIn(tree, path, other))))
}

const render = (project: Project): string => renderProject(project, 'yaml')

/**
 * The piece of a file a field stands in, alone: it loads in a hundredth of the time, and nothing else can be what makes
 * the difference.
 */
function alone(tree: Tree, path: Path): Tree {
  const [section, name, field] = path
  const read = (from: Tree, key: string | number): Tree => (from as Readonly<Record<string, Tree>>)[key] ?? null
  if (section === undefined || name === undefined || typeof read(tree, section) !== 'object') return tree
  if (section === 'services' && field !== undefined) {
    const service = { image: 'x', [field]: read(read(read(tree, section), name), field) }
    return { services: { [name]: service } }
  }
  return { services: { other: { image: 'x' } }, [section]: { [name]: read(read(tree, section), name) } }
}

interface Fixture {
  readonly tree: Tree
  readonly load: (text: string) => Project
  readonly isWhole: boolean
}

/** The files of load tests. Those that are merged from several take no part. */
function loadFixtures(): readonly Fixture[] {
  const recorded = agreementNames.flatMap((name): readonly Fixture[] => {
    const [file, ...others] = readAgreementFiles(name)
    if (file === undefined || others.length > 0) return []
    const options = { skipConsistency: true, keepUnused: true }
    const load = (text: string): Project => loadAgreement(name, [{ path: file.path, text }], options)
    return [{ tree: parseTree(file.text), load, isWhole: name === 'extends' }]
  })
  const rows = [...allRows().values()].map((yaml) => ({ tree: parseTree(yaml), load: loadRow, isWhole: true }))
  return [...recorded, ...rows]
}

describe('every field of the schema', () => {
  it('is found in a file with its form, names of users apart', () => {
    const tree = { services: { web: { ports: ['80', { target: 1 }], labels: { a: null }, nosuch: 1, 'x-own': 1 } } }
    expect([...placesOfTree(tree).keys()]).toEqual([
      'services map',
      'services.* map',
      'services.*.ports list',
      'services.*.ports[] scalar',
      'services.*.ports[] map',
      'services.*.ports[].target scalar',
      'services.*.labels map',
      'services.*.labels.* null',
    ])
    const known = new Set(placesOfSchema())
    expect([...placesOfTree(tree).keys()].filter((place) => !known.has(place))).toEqual([])
    expect(known.size).toBeGreaterThan(550)
  })

  it('is in a load test in each of its forms, and changes what is loaded', { timeout: 120_000 }, () => {
    const found = new Set<string>()
    const silent = new Set<string>()
    for (const { tree, load, isWhole } of loadFixtures()) {
      const renders = (piece: Tree): string => tryTo(() => render(load(JSON.stringify(piece))))
      for (const [place, paths] of placesOfTree(tree)) {
        for (const path of paths) {
          if (found.has(place)) break
          const piece = isWhole || path[0] === 'include' ? tree : alone(tree, path)
          // Nothing written says the same as nothing at all, mostly.
          const compare = (changed: Tree): Difference => differenceOf(renders(piece), renders(changed))
          ;(place.endsWith(' null') || hasTrace(piece, path, compare) ? found : silent).add(place)
        }
      }
    }
    const missing = placesOfSchema().filter((place) => !found.has(place))
    expect(missing.filter((place) => !silent.has(place))).toEqual([])
    expect(missing.map(fieldOf)).toEqual(Object.keys(noModel).sort())
  })

  it('is in a create test, and changes what the engine is told, or there is a reason', { timeout: 120_000 }, () => {
    const found = new Set<string>()
    const silent = new Set<string>()
    for (const text of allRows().values()) {
      const tree = parseTree(text)
      const whole = new Chapters(text)
      for (const [place, paths] of placesOfTree(tree)) {
        for (const path of paths) {
          if (found.has(fieldOf(place))) break
          const compare = (changed: Tree): Difference => whole.differFrom(new Chapters(JSON.stringify(changed)))
          ;(hasTrace(tree, path, compare) ? found : silent).add(fieldOf(place))
        }
      }
    }
    const reasonOf = (field: string): string | undefined =>
      Object.keys(noEngine).find(
        (place) => field === place || (/^[.[]/.test(field.slice(place.length)) && field.startsWith(place)),
      )
    const fields = [...new Set(placesOfSchema().map(fieldOf))].filter((field) => !/[\]*]$/.test(field))
    const missing = fields.filter((field) => !found.has(field))
    expect(missing.filter((field) => reasonOf(field) === undefined)).toEqual([])
    // A reason that holds no longer, or of something no row has, is none.
    expect(Object.keys(noEngine).filter((place) => found.has(place))).toEqual([])
    expect(Object.keys(noEngine).filter((place) => !(place in noModel) && !silent.has(place))).toEqual([])
  })
})

describe('a reason', () => {
  it('that names a test names one that is there', () => {
    for (const [place, reason] of Object.entries(noEngine)) {
      for (const [name] of reason.matchAll(/[\w./-]+\.ts/g)) {
        const folder = name.endsWith('.e2e.ts') ? '../../test/e2e' : '.'
        expect(existsSync(join(import.meta.dirname, folder, name)), `${place}: ${name}`).toBe(true)
      }
    }
  })
})

/** What the engine is told of a file, chapter by chapter, as far as it was asked for. */
class Chapters {
  readonly #source: Generator<string, void>
  readonly #read: string[] = []

  constructor(text: string) {
    this.#source = tell(text)
  }

  at(index: number): string | undefined {
    while (this.#read.length <= index) {
      const next = this.#source.next()
      if (next.done === true) return undefined
      this.#read.push(next.value)
    }
    return this.#read[index]
  }

  differFrom(other: Chapters): Difference {
    for (let index = 0; ; index += 1) {
      const [own, theirs] = [this.at(index), other.at(index)]
      const difference = differenceOf(own, theirs)
      if (difference !== false) return difference
      if (own === undefined) return false
    }
  }
}

function* tell(text: string): Generator<string, void> {
  try {
    const project = loadRow(text)
    for (const chapter of engineView(project, materialsOf(project))) yield chapter.join('\n')
  } catch (error) {
    yield `${failure}${String(error)}`
  }
}
