import { expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

/** What `up` has stopped runs again, or its successor does, even when another service fails meanwhile. */

const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }
const box = 'image: box:1, command: [serve]'
const db = `  db: { ${box}, network_mode: none }\n`
const failing = `${db}  hopeless: { ${box}, network_mode: none, depends_on: { db: { condition: service_healthy } } }\n`
const web = (label: string): string => `  web: { ${box}, labels: { a: "${label}" } }\n`

it.each([
  ['a container that is replaced', web('1'), `${web('2')}${failing}`],
  [
    'a container that is restarted with another',
    `${web('1')}  app: { ${box}, depends_on: { web: { condition: service_started, restart: true } } }\n`,
    `${web('2')}  app: { ${box}, depends_on: { web: { condition: service_started, restart: true } } }\n${failing}`,
  ],
  [
    'containers on a network that is made anew',
    `${web('1')}networks: { default: {} }\n`,
    `${web('1')}${failing}networks: { default: { labels: { b: c } } }\n`,
  ],
])('%s', async (_, before, after) => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', `name: p\nservices:\n${db}${before}`)
    expect(await bed.run('up', '-d')).toMatchObject({ code: 0 })
    await bed.write('compose.yaml', `name: p\nservices:\n${after}`)
    // The failure comes while the stop goes on.
    bed.engine.fail({ method: 'POST', path: /\/stop$/, fault: { kind: 'delay', ms: 700 } })
    const done = await bed.run('up', '-d')
    expect(done).toMatchObject({ code: 1 })
    expect(done.stderr).toContain('container p-db-1 has no healthcheck configured')
    const containers = [...bed.engine.state.containers.values()]
    const seen = containers.filter(({ name }) => /web|app/.test(name)).map(({ name, status }) => `${name} ${status}`)
    expect(seen.sort()).toEqual(before.includes('app:') ? ['p-app-1 running', 'p-web-1 running'] : ['p-web-1 running'])
  } finally {
    await bed.close()
  }
})

const chain = (label: string): string =>
  `  web: { ${box}, labels: { a: "${label}" } }\n  app: { ${box}, depends_on: { web: { condition: service_started, restart: true } } }\n`

it.each([
  ['stop of the one that is replaced', 'POST', /\/stop$/, 1],
  ['removal of the one that is replaced', 'DELETE', /\/containers\//, 0],
])('starts again what was stopped when the %s fails', async (_, method, path, passed) => {
  const bed = await startProgramBed(program, { images: ['box:1'] })
  try {
    await bed.write('compose.yaml', `name: p\nservices:\n${chain('1')}`)
    expect(await bed.run('up', '-d')).toMatchObject({ code: 0 })
    await bed.write('compose.yaml', `name: p\nservices:\n${chain('2')}`)
    const fault = { kind: 'status', status: 500, message: 'no' } as const
    if (passed > 0) bed.engine.fail({ method, path, times: passed, fault: { kind: 'delay', ms: 1 } })
    bed.engine.fail({ method, path, times: 1, fault })
    expect(await bed.run('up', '-d')).toMatchObject({ code: 1 })
    const seen = [...bed.engine.state.containers.values()].map(({ name, status }) => `${name} ${status}`)
    expect(seen).toEqual(expect.arrayContaining(['p-app-1 running', 'p-web-1 running']))
    expect(await bed.run('up', '-d')).toMatchObject({ code: 0 })
    const last = [...bed.engine.state.containers.values()].map(({ name, status }) => `${name} ${status}`)
    expect(last.sort()).toEqual(['p-app-1 running', 'p-web-1 running'])
  } finally {
    await bed.close()
  }
})
