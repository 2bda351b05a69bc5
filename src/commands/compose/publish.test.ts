import { Buffer } from 'node:buffer'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { dockerCompose } from '../../cli/personality.ts'
import { digestOf } from '../../engine/registry/client.ts'
import { startProgramBed } from '../../testing/program-bed.ts'
import type { ProgramBed } from '../../testing/program-bed.ts'
import { composeCommands, composeGlobals } from './table.ts'

/** What is asked before a project is published, and what reaches the registry; the e2e tests have real ones. */

let bed: ProgramBed
let registry: Server
let host = ''
/** Manifests by tag or digest. */
const kept = new Map<string, string>()
/** Content by digest. */
const blobs = new Map<string, string>()

beforeAll(async () => {
  registry = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const digest = digestOf(body)
      const [, name] = /^\/v2\/apps\/x\/manifests\/(.*)$/.exec(request.url ?? '') ?? []
      if (request.url === '/v2/') response.writeHead(200).end()
      else if (name !== undefined && request.method === 'PUT') {
        kept.set(name, body.toString())
        response.writeHead(201, { 'Docker-Content-Digest': digest }).end()
      } else if (request.method === 'POST') response.writeHead(202, { Location: '/up' }).end()
      else if (request.method === 'PUT') {
        blobs.set(digest, body.toString())
        response.writeHead(201).end()
      } else response.writeHead(404).end()
    })
  })
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve))
  host = `127.0.0.1:${(registry.address() as AddressInfo).port}`
  const program = { personality: dockerCompose, globals: composeGlobals, commands: composeCommands }
  // Nothing listens on port 1: only the engine knows the digest.
  bed = await startProgramBed(program, { registry: ['127.0.0.1:1/shop/web:2'] })
})
afterAll(async () => {
  registry.close()
  await bed.close()
})
beforeEach(() => {
  kept.clear()
  blobs.clear()
})

async function publish(...flags: readonly string[]): Promise<{ code: number; stderr: string }> {
  const running = bed.start('publish', ...flags, `${host}/apps/x:1`)
  running.stdin.end('n\n')
  return { code: await running.code, stderr: running.stderr }
}

it('asks about secrets anywhere in what is published, without showing them', async () => {
  const token = 'ghp_012345678901234567890123456789012345'
  await bed.write('compose.yaml', `services:\n  web:\n    image: web\n    command: [run, ${token}]\n`)
  const { code, stderr } = await publish()
  expect([code, kept.size]).toEqual([1, 0])
  expect(stderr).toContain(`${bed.folder}/compose.yaml:4: GitHub token\nAre you ok to publish these sensitive data?`)
  expect(stderr).not.toContain(token)
})

it('asks about the variables of env files, too', async () => {
  await bed.write('compose.yaml', 'services: { web: { image: web, env_file: db.env } }\n')
  await bed.write('db.env', 'DB_PASSWORD=hunter2\n')
  const { code, stderr } = await publish('--with-env')
  expect([code, kept.size]).toEqual([1, 0])
  expect(stderr).toContain(`Env file  ${bed.folder}/db.env\n  DB_PASSWORD\n`)
  expect(stderr).toContain('Are you ok to publish these environment variables?')
  expect(stderr).not.toContain('hunter2')
})

it('pins images by what the engine says where this computer does not reach their registry', async () => {
  await bed.write('compose.yaml', 'services: { web: { image: "127.0.0.1:1/shop/web:2" } }\n')
  expect(await publish('--resolve-image-digests')).toMatchObject({ code: 0 })
  expect([...blobs.values()].join('')).toMatch(/image: "127\.0\.0\.1:1\/shop\/web:2@sha256:[0-9a-f]{64}"/)
})
