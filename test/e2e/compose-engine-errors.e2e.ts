import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/** What docker-compose prints about its engine is what docker's client prints: scripts look for it. */

const servers: Server[] = []
let folder = ''

beforeAll(async () => {
  ensurePrograms()
  folder = await mkdtemp(join(tmpdir(), 'flotilla-engine-errors-'))
  await writeFile(join(folder, 'compose.yaml'), 'services: { web: { image: "nosuch:9", pull_policy: never } }\n')
})

afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  await rm(folder, { recursive: true, force: true })
})

async function serve(answer: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer({}, answer)
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe.each(programForms)('docker-compose as $name', (form) => {
  const compose = (host: string, ...args: readonly string[]): Promise<RunResult> =>
    form.run('docker-compose', ['-p', 'errs', ...args], { cwd: folder, env: { DOCKER_HOST: host } })

  it.each([['ps'], ['down'], ['logs'], ['up', '-d'], ['ls'], ['stop']])(
    '%s %s: an answer that is no engine’s has the prefix once, and its engine is named',
    async (...args) => {
      const host = await serve((_request, response) => {
        response.statusCode = 500
        response.end('boom')
      })
      expect(await compose(host, ...args)).toMatchObject({
        code: 1,
        stdout: '',
        stderr: `Error response from daemon: boom\nhint: engine "${host}" answered 500, and not as a Docker engine does\n`,
      })
    },
  )

  it('an engine’s own error has the prefix once', async () => {
    const host = await serve((_request, response) => {
      response.writeHead(500, { 'content-type': 'application/json' })
      response.end('{"message":"disk full"}')
    })
    expect(await compose(host, 'ps')).toMatchObject({ code: 1, stderr: 'Error response from daemon: disk full\n' })
  })

  it('nobody there is told in docker’s words, with the reason as a hint', async () => {
    expect(await compose('tcp://127.0.0.1:1', 'ps')).toMatchObject({
      code: 1,
      stderr:
        'Cannot connect to the Docker daemon at tcp://127.0.0.1:1. Is the docker daemon running?\n' +
        'hint: cannot reach engine "tcp://127.0.0.1:1": connection refused\n',
    })
    expect((await compose('unix:///nonexistent.sock', 'ps')).stderr).toMatch(
      /^Cannot connect to the Docker daemon at unix:\/\/\/nonexistent\.sock\. Is the docker daemon running\?\n/,
    )
  })

  it('a missing image that may not be pulled is told as an engine does', async () => {
    const host = await serve((request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'api-version': '1.41' })
      response.end(request.url?.includes('/volumes') === true ? '{"Volumes":[]}' : '[]')
    })
    const { stderr } = await compose(host, 'up', '-d')
    expect(stderr.split('\n')[0]).toBe('Error response from daemon: No such image: nosuch:9')
  })

  it('an answer that nests without end is refused before it has arrived', async () => {
    let sent = 0
    const host = await serve((request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'api-version': '1.41' })
      if (request.url?.endsWith('/_ping') === true) {
        response.end('OK')
        return
      }
      const more = (): void => {
        while (!response.destroyed && response.write('['.repeat(65_536))) sent += 65_536
      }
      response.on('drain', more)
      more()
    })
    const { code, stderr } = await compose(host, 'ps')
    expect([code, stderr]).toEqual([1, expect.stringContaining('the answer nests deeper than 128 levels')])
    expect(sent).toBeLessThan(32 * 1024 * 1024)
  })
})
