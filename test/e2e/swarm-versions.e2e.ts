import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { execProgram } from '../../src/io/exec.ts'
import type { ExecResult } from '../../src/io/exec.ts'
import { startEndpointBed } from '../../src/testing/endpoint-bed.ts'
import type { EndpointBed } from '../../src/testing/endpoint-bed.ts'
import { dockerClis } from './swarm-cluster.ts'

/** Real CLIs of two ages over engines that have no version in common: one ends at 1.41, the other begins at 1.44. */

let bed: EndpointBed
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flotilla-versions-'))
  bed = await startEndpointBed([
    { images: ['box:1'], apiVersion: '1.41' },
    { images: ['box:1'], apiVersion: '1.52', minApiVersion: '1.44', serverVersion: '29.0.0' },
  ])
})
afterAll(async () => {
  await bed.close()
  await rm(folder, { recursive: true })
})

describe.each(dockerClis)('$name over a fleet without a common version', ({ path }) => {
  // The CLI's own wish, and versions that only one of the engines speaks.
  it.each([undefined, '1.43'])('runs, enters and removes on both engines (API %s)', async (pinned) => {
    const env = {
      PATH: process.env['PATH'],
      HOME: folder,
      DOCKER_HOST: `tcp://127.0.0.1:${bed.port}`,
      ...(pinned === undefined ? {} : { DOCKER_API_VERSION: pinned }),
    }
    const docker = (args: readonly string[], input?: string): Promise<ExecResult> =>
      execProgram([path, ...args], {
        clock: systemClock,
        env,
        deadlineMs: 60_000,
        ...(input === undefined ? {} : { input }),
      })
    for (const node of ['n1', 'n2']) {
      const on = ['-e', `constraint:node==${node}`]
      expect(await docker(['run', '--rm', ...on, 'box:1', 'sh', '-c', 'echo out; exit 3'])).toMatchObject({
        code: 3,
        stdout: 'out\n',
      })
      expect(await docker(['run', '-d', '--name', 'web', ...on, 'box:1'])).toMatchObject({ code: 0 })
      expect(await docker(['ps', '--format', '{{.Names}}'])).toMatchObject({ stdout: `${node}/web\n` })
      expect(await docker(['exec', '-i', 'web', 'cat'], 'typed')).toMatchObject({ code: 0, stdout: 'typed' })
      expect(await docker(['rm', '-f', 'web'])).toMatchObject({ code: 0 })
    }
    expect(await docker(['images', '--format', '{{.Repository}} {{.Size}}'])).toMatchObject({ code: 0 })
    expect(await docker(['version'])).toMatchObject({ code: 0 })
  })
})
