import { expect, it } from 'vitest'
import { loadRow } from '../../../test/compose-field-rows.ts'
import { newerFields } from '../../../test/fixtures/newer-fields.ts'

/** What the recordings of docker-compose 2.40 cannot hold. */

it.each(Object.entries(newerFields))('%s is loaded as the specification has it', (_, { yaml, model }) => {
  const project = loadRow(yaml)
  const at = (path: string): unknown =>
    path.split('.').reduce<unknown>((value, key) => Reflect.get(Object(value), key), project)
  for (const [path, wanted] of Object.entries(model)) {
    // Dictionaries have no prototype, which is no difference here.
    expect(structuredClone(at(path)), path).toEqual(wanted)
  }
})
