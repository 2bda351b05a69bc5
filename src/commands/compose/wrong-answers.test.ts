import { afterAll, beforeAll, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

/** Answers that are JSON, and not what the call is answered with: each is told with engine, call and place. */

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }
let bed: ProgramBed

beforeAll(async () => {
  bed = await startProgramBed(program, { images: ['box:1'] })
  await bed.write('compose.yaml', 'name: p\nservices: { web: { image: "box:1" } }\n')
  await bed.write('build.yaml', 'name: p\nservices: { web: { build: { dockerfile_inline: FROM scratch } } }\n')
  expect(await bed.run('up', '-d')).toMatchObject({ code: 0 })
}, 60_000)
afterAll(() => bed.close())

const list = 'GET /containers/json: '
it.each([
  ['ps', /^\/containers\/json$/, 'null', `${list}it is null, not a list`],
  ['ps', /^\/containers\/json$/, '{"message":"ok"}', `${list}it is an object, not a list`],
  ['ls', /^\/containers\/json$/, '[null]', `${list}[0] is null, not an object`],
  ['logs', /^\/containers\/json$/, '[{}]', `${list}[0].Id is missing, not a text`],
  ['stop', /^\/containers\/json$/, '[{"Id":"a","Labels":[1]}]', `${list}[0].Labels is a list, not an object`],
  ['up -d', /^\/images\/json$/, '{}', 'GET /images/json: it is an object, not a list'],
  ['up -d', /^\/networks$/, '[{"Id":5}]', 'GET /networks: [0].Id is a number, not a text'],
  ['up -d', /^\/volumes$/, '{"Volumes":[7]}', 'GET /volumes: Volumes[0] is a number, not an object'],
  ['up -d --scale web=2', /^\/containers\/create$/, '{}', 'POST /containers/create: Id is missing, not a text'],
  ['scale web=2', /^\/volumes\/create$/, '[]', 'POST /volumes/create: it is a list, not an object'],
  ['top', /\/top$/, '{"Titles":5}', '/top: Titles is a number, not a list'],
  ['exec -T web true', /\/exec$/, 'null', '/exec: it is null, not an object'],
  ['commit web x:1', /^\/commit$/, '{"Id":1}', 'POST /commit: Id is a number, not a text'],
  ['events', /^\/events$/, 'null\n', 'GET /events: it is null, not an object'],
  ['events', /^\/events$/, '<html>\n', 'an event that is no JSON: '],
  ['logs', /\/logs$/, '<html>hello</html>', 'unexpected bytes 3c68746d6c3e6865 where a frame head belongs'],
  ['cp web:/x -', /\/archive$/, '<html>hello</html>', 'no readable path status: '],
  ['images', /^\/images\/.*\/json$/, '{}', '/json: Id is missing, not a text'],
  ['-f build.yaml build', /^\/grpc$/, '<html>hello</html>', 'it answered 200 instead of switching protocols'],
  ['attach web', /^\/containers\/[0-9a-f]+\/json$/, '{"Id":"a"}', '/json: State is missing, not an object'],
])('%s, %s: %s', async (words, path, body, said) => {
  const end = bed.engine.fail({ path, fault: { kind: 'reply', body } })
  try {
    const { code, stderr } = await bed.run(...words.split(' '))
    expect([code, stderr]).toEqual([1, expect.stringContaining(said)])
    expect(stderr).toContain(`invalid answer from engine "tcp://127.0.0.1:`)
  } finally {
    end()
  }
})
