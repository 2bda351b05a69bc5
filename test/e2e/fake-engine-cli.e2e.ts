import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { execProgram } from '../../src/io/exec.ts'
import type { ExecResult } from '../../src/io/exec.ts'
import { startFakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'

const programs = ['/usr/bin/docker', '/usr/local/bin/docker']

describe('the fake engine under a real docker CLI', () => {
  it.for(programs.flatMap((program) => ['1.41', '1.51'].map((version) => [program, version] as const)))(
    '%s talking API %s runs, lists, enters, copies and removes',
    async ([program, apiVersion], { skip, onTestFinished }) => {
      skip(!existsSync(program), `${program} is not installed`)
      const folder = await mkdtemp(join(tmpdir(), 'fake-engine-cli-'))
      const path = join(folder, 'docker.sock')
      const fake = await startFakeEngine({ images: ['box:1'], apiVersion, listen: { kind: 'unix', path } })
      onTestFinished(async () => {
        await fake.stop()
        await rm(folder, { recursive: true })
      })
      const env = { PATH: process.env['PATH'], HOME: folder, DOCKER_HOST: `unix://${path}` }
      function docker(args: readonly string[], input?: string): Promise<ExecResult> {
        return execProgram([program, ...args], {
          clock: systemClock,
          env,
          deadlineMs: 20_000,
          ...(input === undefined ? {} : { input }),
        })
      }
      expect(await docker(['run', '--rm', 'box:1', 'sh', '-c', 'echo out; echo err >&2; exit 3'])).toEqual({
        code: 3,
        stdout: 'out\n',
        stderr: 'err\n',
      })
      expect(await docker(['run', '--rm', '-i', 'box:1', 'cat'], 'through\n')).toMatchObject({ stdout: 'through\n' })
      expect(await docker(['run', '-d', '--name', 'web', 'box:1'])).toMatchObject({ code: 0 })
      expect(await docker(['ps', '--format', '{{.Names}} {{.Image}}'])).toMatchObject({ stdout: 'web box:1\n' })
      expect(await docker(['exec', '-i', 'web', 'cat'], 'typed')).toMatchObject({ code: 0, stdout: 'typed' })
      expect(await docker(['cp', program, 'web:/tmp/copy'])).toMatchObject({ code: 0 })
      expect(await docker(['rm', 'web'])).toMatchObject({ code: 1 })
      expect(await docker(['rm', '-f', 'web'])).toMatchObject({ code: 0, stdout: 'web\n' })
      expect(await docker(['ps', '-aq'])).toMatchObject({ stdout: '' })
    },
  )
})
