import { expect, it } from 'vitest'
import { newerFields } from '../../../test/fixtures/newer-fields.ts'
import { makeDictionary } from '../model/dictionary.ts'
import { loadProject } from './load.ts'

/** What the recordings of docker-compose 2.40 cannot hold. */

it.each(Object.entries(newerFields))('%s is loaded as the specification has it', (_, { yaml, model }) => {
  const project = loadProject(
    { files: [{ path: '/p/c.yml', text: yaml }], workingDir: '/p', environment: makeDictionary(), projectName: 'p' },
    { files: { readText: () => undefined, kindOf: () => 'missing', resolveLinks: (path) => path } },
  )
  const at = (path: string): unknown =>
    path.split('.').reduce<unknown>((value, key) => Reflect.get(Object(value), key), project)
  for (const [path, wanted] of Object.entries(model)) {
    // Dictionaries have no prototype, which is no difference here.
    expect(structuredClone(at(path)), path).toEqual(wanted)
  }
})
