import { describe, expect, it } from 'vitest'
import {
  containerStats,
  createContainer,
  inspectContainer,
  killContainer,
  listContainers,
  pauseContainer,
  removeContainer,
  renameContainer,
  restartContainer,
  startContainer,
  stopContainer,
  topContainer,
  unpauseContainer,
  updateContainer,
  waitContainer,
} from '../../src/engine/api/containers.ts'
import { containerLogs } from '../../src/engine/api/streams.ts'
import { engineInfo, engineVersion, ping } from '../../src/engine/api/system.ts'
import { collect, drain } from './engine-bed.ts'
import type { EngineBed } from './engine-bed.ts'

/** What the engine says of itself, and the life of containers. */
export function testEngineContainers(bed: EngineBed): void {
  describe('system', () => {
    it('ping, version and info agree with each other', async () => {
      const pong = await ping(bed.engine)
      const version = await engineVersion(bed.engine)
      const info = await engineInfo(bed.engine)
      expect(version.ApiVersion).toBe(pong.apiVersion)
      expect(info.ServerVersion).toBe(version.Version)
      expect(info.OSType).toBe('linux')
      expect(info.NCPU).toBeGreaterThan(0)
      expect(info.MemTotal).toBeGreaterThan(0)
      expect(info.ID).not.toBe('')
    })

    it('an unknown path is refused with 404 and an API version from the future with 400', async () => {
      await expect(bed.engine.request({ method: 'GET', path: '/no/such/thing' })).rejects.toMatchObject({
        code: 'engine/not-found',
        status: 404,
      })
      await expect(
        bed.engine.request({ method: 'GET', path: '/v1.999/info', unversioned: true }),
      ).rejects.toMatchObject({
        code: 'engine/version',
        message: expect.stringContaining('client version 1.999 is too new'),
      })
    })

    it('64 calls at once all get their own answer', async () => {
      const ids = await Promise.all([bed.make(), bed.make(), bed.make(), bed.make()])
      const answers = await Promise.all(
        Array.from({ length: 64 }, (_, index) => inspectContainer(bed.engine, ids[index % 4]!)),
      )
      expect(answers.map((answer) => answer.Id)).toEqual(answers.map((_, index) => ids[index % 4]))
    })
  })

  describe('containers', () => {
    it('a container lives through create, start, exit and remove, and its output is kept apart', async () => {
      const id = await bed.make({ script: 'echo to out; echo to err >&2; exit 3' })
      expect((await inspectContainer(bed.engine, id)).State.Status).toBe('created')
      await startContainer(bed.engine, id)
      expect(await waitContainer(bed.engine, id)).toMatchObject({ StatusCode: 3 })
      expect(await collect(await containerLogs(bed.engine, id))).toEqual({ stdout: 'to out\n', stderr: 'to err\n' })
      expect(await collect(await containerLogs(bed.engine, id, { stdout: false }))).toEqual({
        stdout: '',
        stderr: 'to err\n',
      })
      const state = (await inspectContainer(bed.engine, id)).State
      expect({ status: state.Status, code: state.ExitCode }).toEqual({ status: 'exited', code: 3 })
      await removeContainer(bed.engine, id)
      await expect(inspectContainer(bed.engine, id)).rejects.toMatchObject({
        code: 'engine/not-found',
        status: 404,
        message: `No such container: ${id}`,
      })
    })

    it('a taken name is refused and the message names the holder', async () => {
      const id = await bed.make()
      const name = (await inspectContainer(bed.engine, id)).Name.slice(1)
      const body = { Image: bed.image, Cmd: ['true'], HostConfig: { NetworkMode: 'none' } }
      const again = createContainer(bed.engine, body, { name })
      await expect(again).rejects.toMatchObject({
        code: 'engine/conflict',
        status: 409,
        message: expect.stringContaining(`The container name "/${name}" is already in use by container "${id}"`),
      })
    })

    it('a missing image is refused by its name', async () => {
      const create = createContainer(bed.engine, { Image: 'no-such-image-here:1' })
      await expect(create).rejects.toMatchObject({
        code: 'engine/not-found',
        message: expect.stringContaining('No such image: no-such-image-here:1'),
      })
    })

    it('the list filters by label, name and state, and leaves stopped ones out unless asked', async () => {
      const running = await bed.makeRunning({ Labels: { tier: 'web' } })
      const created = await bed.make({ Labels: { tier: 'db' } })
      const mine = { label: [bed.filter] }
      async function ids(all: boolean, filters: Record<string, readonly string[]>): Promise<string[]> {
        const rows = await listContainers(bed.engine, { all, filters: { ...mine, ...filters } })
        return rows.map((row) => row.Id)
      }
      expect(await ids(false, {})).toEqual([running])
      expect(await ids(true, {})).toEqual([created, running])
      expect(await ids(true, { label: [bed.filter, 'tier=db'] })).toEqual([created])
      expect(await ids(true, { label: [bed.filter, 'tier'] })).toEqual([created, running])
      expect(await ids(true, { status: ['created'] })).toEqual([created])
      const { Name } = await inspectContainer(bed.engine, running)
      expect(await ids(true, { name: [`^${Name}$`] })).toEqual([running])
      expect(await ids(true, { id: [created.slice(0, 12)] })).toEqual([created])
    })

    it('names, full ids and short ids all find a container', async () => {
      const id = await bed.make()
      const { Name } = await inspectContainer(bed.engine, id)
      expect((await inspectContainer(bed.engine, id.slice(0, 12))).Id).toBe(id)
      expect((await inspectContainer(bed.engine, Name.slice(1))).Id).toBe(id)
    })

    it('starting twice and stopping twice are no errors; killing a stopped one is', async () => {
      const id = await bed.makeRunning({ script: 'sleep 300', StopSignal: 'SIGKILL' })
      await startContainer(bed.engine, id)
      await stopContainer(bed.engine, id, { timeoutSeconds: 1 })
      await stopContainer(bed.engine, id, { timeoutSeconds: 1 })
      await expect(killContainer(bed.engine, id)).rejects.toMatchObject({
        code: 'engine/conflict',
        message: expect.stringMatching(/is not running/),
      })
    })

    it('a running container is only removed by force', async () => {
      const id = await bed.makeRunning()
      await expect(removeContainer(bed.engine, id)).rejects.toMatchObject({ code: 'engine/conflict', status: 409 })
      await removeContainer(bed.engine, id, { force: true })
      await expect(inspectContainer(bed.engine, id)).rejects.toMatchObject({ status: 404 })
    })

    it('a kill ends a container with 128 plus the signal, and a restart brings it back', async () => {
      const id = await bed.makeRunning()
      const exit = waitContainer(bed.engine, id)
      await killContainer(bed.engine, id, { signal: 'SIGKILL' })
      expect(await exit).toMatchObject({ StatusCode: 137 })
      await restartContainer(bed.engine, id, { timeoutSeconds: 0 })
      expect((await inspectContainer(bed.engine, id)).State.Running).toBe(true)
    })

    it('rename moves the name and frees the old one', async () => {
      const id = await bed.make()
      const before = (await inspectContainer(bed.engine, id)).Name.slice(1)
      const after = bed.freeName()
      await renameContainer(bed.engine, id, after)
      expect((await inspectContainer(bed.engine, id)).Name).toBe(`/${after}`)
      await expect(inspectContainer(bed.engine, before)).rejects.toMatchObject({ status: 404 })
    })

    it('pause and unpause change the state, update changes the restart policy', async () => {
      const id = await bed.makeRunning()
      await pauseContainer(bed.engine, id)
      expect((await inspectContainer(bed.engine, id)).State).toMatchObject({ Status: 'paused', Paused: true })
      await unpauseContainer(bed.engine, id)
      await updateContainer(bed.engine, id, { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } })
      const { State, HostConfig } = await inspectContainer(bed.engine, id)
      expect(State.Status).toBe('running')
      expect(HostConfig.RestartPolicy).toMatchObject({ Name: 'on-failure', MaximumRetryCount: 2 })
    })

    it('top lists processes and stats gives a document', async () => {
      const id = await bed.makeRunning()
      expect((await topContainer(bed.engine, id)).Titles).toContain('PID')
      // Right after the start an engine 20.10 may still see the process that is to become it.
      const processes = async (): Promise<string> => JSON.stringify((await topContainer(bed.engine, id)).Processes)
      await expect.poll(processes, { timeout: 5000 }).toContain('sleep 300')
      const [first] = await drain(await containerStats(bed.engine, id, { stream: false }))
      expect(first).toMatchObject({ memory_stats: expect.anything() })
    })
  })
}
