import { afterEach, describe, expect, it } from 'vitest'
import { openEngine } from '../../engine/client.ts'
import type { Engine } from '../../engine/engine.ts'
import { systemClock } from '../../io/clock.ts'
import { project, service } from '../../testing/compose-builders.ts'
import { startFakeEngine } from '../../testing/fake-engine/fake-engine.ts'
import type { FakeProgram } from '../../testing/fake-engine/options.ts'
import { converge } from '../converge.ts'
import { observeContainers } from '../observe.ts'
import { defaultReconcileOptions } from '../plan/options.ts'
import { syncPaths } from './upload.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(programs: Readonly<Record<string, FakeProgram>>): Promise<Engine> {
  const fake = await startFakeEngine({ images: ['busybox:latest'], programs })
  const engine = openEngine(fake.endpoint, { clock: systemClock, userAgent: 'test' })
  cleanups.push(
    () => fake.stop(),
    () => engine.close(),
  )
  await converge(engine, project([service('web')]), {
    reconcile: defaultReconcileOptions,
    pull: 'policy',
    clock: systemClock,
    progress: () => {},
    parallel: 1,
    warn: () => {},
    ask: () => Promise.resolve(true),
  })
  return engine
}

/** Deletes one path in the container of a project, whose `rm` says something and ends with a code. */
async function deleteWith(said: string, code: number): Promise<{ warnings: readonly string[]; failure: string }> {
  const engine = await start({
    rm: (process) => {
      process.write('stdout', said)
      return Promise.resolve(code)
    },
  })
  const warnings: string[] = []
  const containers = await observeContainers(engine, 'p', {})
  const matches = [{ hostPath: '/nowhere/x', containerPath: '/app/x' }]
  const o = { clock: systemClock, roots: ['/nowhere'], warn: (text: string): void => void warnings.push(text) }
  const failure = await syncPaths(engine, containers, matches, o).then(
    () => '',
    (error: unknown) => String(error),
  )
  return { warnings, failure }
}

describe('a path that is gone', () => {
  // As Docker Engine 20.10 (with code 126) and 28.5 (127) say it of an image FROM scratch, and of an rm without its loader.
  it.each([
    ['OCI runtime exec failed: exec failed: x: exec: "rm": executable file not found in $PATH: unknown\r\n', 126],
    ['OCI runtime exec failed: exec failed: x: exec: "rm": executable file not found in $PATH\r\n', 127],
    ['exec /usr/bin/rm: no such file or directory\n', 255],
  ])('stays where the image has no rm, which is no failure: %s', async (said, code) => {
    expect(await deleteWith(said, code)).toEqual({
      warnings: ['p-web-1 has no rm: what was deleted stays there: /app/x'],
      failure: '',
    })
  })

  it.each([
    ['OCI runtime exec failed: chdir to cwd ("/wd") set in config.json failed: no such file or directory\r\n', 127],
    ["rm: can't remove '/app/x': Read-only file system\n", 1],
    ['', 137],
  ])('is a failure with what was said otherwise: %s', async (said, code) => {
    const { warnings, failure } = await deleteWith(said, code)
    expect(warnings).toEqual([])
    expect(failure).toContain(`deleting paths in p-web-1: rm ended with exit code ${code}`)
    expect(failure.endsWith(said.trim())).toBe(true)
  })
})
