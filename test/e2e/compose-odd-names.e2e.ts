import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'
import { ensurePrograms } from './programs.ts'

/** Names that are words of the language the program is written in, through a whole life on a real engine. */

const file = `
services:
  __proto__: { image: ${sampleImage}, environment: { __proto__: e, toString: t }, networks: [valueOf] }
  constructor: { image: ${sampleImage}, depends_on: [__proto__], volumes: ["hasOwnProperty:/data"], networks: [valueOf] }
  toString: { image: ${sampleImage}, depends_on: { constructor: { condition: service_started } } }
networks: { valueOf: {} }
volumes: { hasOwnProperty: {} }
`

describe.runIf(isRoot)('services called __proto__ and constructor (needs root on Linux)', () => {
  let running: Lab | undefined
  let host: ComposeHost

  beforeAll(async () => {
    ensurePrograms()
    running = await lab({ engines: ['28.5'], image: true, namePrefix: 'odd' })
    host = await openComposeHost(running.hosts[0]!)
    await host.write('odd', { 'compose.yaml': file })
  })
  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  it('come up, stay as they are, are listed, and go', async () => {
    expect(await host.compose('odd', ['up', '-d'])).toMatchObject({ code: 0 })
    const names = (await host.containers('odd')).map((each) => `${each.name} ${each.state}`)
    expect(names).toEqual(['odd-__proto__-1 running', 'odd-constructor-1 running', 'odd-toString-1 running'])
    expect(await host.resources('odd')).toEqual(['odd_default', 'odd_hasOwnProperty', 'odd_valueOf'])
    expect(await host.changesDuring(() => host.compose('odd', ['up', '-d']))).toEqual([])
    expect((await host.compose('odd', ['ps', '--services'])).stdout.trim().split('\n').sort()).toEqual([
      '__proto__',
      'constructor',
      'toString',
    ])
    expect(await host.compose('odd', ['down', '-v', '-t', '0'])).toMatchObject({ code: 0 })
    expect(await host.containers('odd')).toEqual([])
    expect(await host.resources('odd')).toEqual([])
  })
})
