import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { extract, pack } from 'tar-stream'
import { getArchive, headArchive, putArchive } from '../../src/engine/api/archive.ts'
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
import { watchEvents } from '../../src/engine/api/events.ts'
import { createExec, inspectExec, startExec, startExecDetached } from '../../src/engine/api/exec.ts'
import { inspectImage, listImages, loadImages, removeImage, saveImages, tagImage } from '../../src/engine/api/images.ts'
import {
  connectNetwork,
  createNetwork,
  disconnectNetwork,
  inspectNetwork,
  listNetworks,
  removeNetwork,
} from '../../src/engine/api/networks.ts'
import { attachContainer, containerLogs } from '../../src/engine/api/streams.ts'
import { engineInfo, engineVersion, ping } from '../../src/engine/api/system.ts'
import type { ContainerCreateBody } from '../../src/engine/api/types.ts'
import { createVolume, inspectVolume, listVolumes, removeVolume } from '../../src/engine/api/volumes.ts'
import type { Engine } from '../../src/engine/engine.ts'
import type { OutputChunk } from '../../src/engine/streams.ts'

/** An engine to hold against the suite. */
export interface EngineUnderTest {
  readonly engine: Engine
  /** An image that is there and has `sh`, `cat`, `echo` and `sleep`. */
  readonly image: string
  stop(): Promise<void>
}

const label = 'flotilla.conformance'

async function collect(output: AsyncIterable<OutputChunk>): Promise<{ stdout: string; stderr: string }> {
  const text = { stdout: '', stderr: '' }
  for await (const chunk of output) text[chunk.stream] += chunk.data.toString('latin1')
  return text
}

async function drain(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = []
  for await (const each of stream) all.push(each)
  return all
}

/**
 * What every engine and everything that speaks for one must do. Run it in a test file of its own:
 * `testEngine('my endpoint', async () => ({ engine, image, stop }))`.
 */
export function testEngine(name: string, setup: () => Promise<EngineUnderTest>): void {
  describe(`${name} behaves as an engine`, () => {
    let under: EngineUnderTest
    let engine: Engine
    const run = `conformance-${randomBytes(4).toString('hex')}`
    let count = 0

    beforeAll(async () => {
      under = await setup()
      engine = under.engine
    })
    afterAll(async () => {
      await under?.stop()
    })
    afterEach(async () => {
      const left = await listContainers(engine, { all: true, filters: { label: [`${label}=${run}`] } })
      for (const container of left) await removeContainer(engine, container.Id, { force: true, volumes: true })
    })

    function freeName(): string {
      count += 1
      return `${run}-${count}`
    }

    async function make(body: Partial<ContainerCreateBody> & { script?: string } = {}): Promise<string> {
      const { script, ...rest } = body
      const created = await createContainer(
        engine,
        {
          Image: under.image,
          Cmd: ['sh', '-c', script ?? 'sleep 300'],
          ...rest,
          Labels: { [label]: run, ...rest.Labels },
          HostConfig: { NetworkMode: 'none', ...rest.HostConfig },
        },
        { name: freeName() },
      )
      return created.Id
    }

    async function makeRunning(body: Parameters<typeof make>[0] = {}): Promise<string> {
      const id = await make(body)
      await startContainer(engine, id)
      return id
    }

    describe('system', () => {
      it('ping, version and info agree with each other', async () => {
        const pong = await ping(engine)
        const version = await engineVersion(engine)
        const info = await engineInfo(engine)
        expect(version.ApiVersion).toBe(pong.apiVersion)
        expect(info.ServerVersion).toBe(version.Version)
        expect(info.OSType).toBe('linux')
        expect(info.NCPU).toBeGreaterThan(0)
        expect(info.MemTotal).toBeGreaterThan(0)
        expect(info.ID).not.toBe('')
      })

      it('an unknown path is refused with 404 and an API version from the future with 400', async () => {
        await expect(engine.request({ method: 'GET', path: '/no/such/thing' })).rejects.toMatchObject({
          code: 'engine/not-found',
          status: 404,
        })
        await expect(engine.request({ method: 'GET', path: '/v1.999/info', unversioned: true })).rejects.toMatchObject({
          code: 'engine/version',
          message: expect.stringContaining('client version 1.999 is too new'),
        })
      })

      it('64 calls at once all get their own answer', async () => {
        const ids = await Promise.all([make(), make(), make(), make()])
        const answers = await Promise.all(
          Array.from({ length: 64 }, (_, index) => inspectContainer(engine, ids[index % 4]!)),
        )
        expect(answers.map((answer) => answer.Id)).toEqual(answers.map((_, index) => ids[index % 4]))
      })
    })

    describe('containers', () => {
      it('a container lives through create, start, exit and remove, and its output is kept apart', async () => {
        const id = await make({ script: 'echo to out; echo to err >&2; exit 3' })
        expect((await inspectContainer(engine, id)).State.Status).toBe('created')
        await startContainer(engine, id)
        expect(await waitContainer(engine, id)).toMatchObject({ StatusCode: 3 })
        expect(await collect(await containerLogs(engine, id))).toEqual({ stdout: 'to out\n', stderr: 'to err\n' })
        expect(await collect(await containerLogs(engine, id, { stdout: false }))).toEqual({
          stdout: '',
          stderr: 'to err\n',
        })
        const state = (await inspectContainer(engine, id)).State
        expect({ status: state.Status, code: state.ExitCode }).toEqual({ status: 'exited', code: 3 })
        await removeContainer(engine, id)
        await expect(inspectContainer(engine, id)).rejects.toMatchObject({
          code: 'engine/not-found',
          status: 404,
          message: `No such container: ${id}`,
        })
      })

      it('a taken name is refused and the message names the holder', async () => {
        const id = await make()
        const name = (await inspectContainer(engine, id)).Name.slice(1)
        const body = { Image: under.image, Cmd: ['true'], HostConfig: { NetworkMode: 'none' } }
        const again = createContainer(engine, body, { name })
        await expect(again).rejects.toMatchObject({
          code: 'engine/conflict',
          status: 409,
          message: expect.stringContaining(`The container name "/${name}" is already in use by container "${id}"`),
        })
      })

      it('a missing image is refused by its name', async () => {
        const create = createContainer(engine, { Image: 'no-such-image-here:1' })
        await expect(create).rejects.toMatchObject({
          code: 'engine/not-found',
          message: expect.stringContaining('No such image: no-such-image-here:1'),
        })
      })

      it('the list filters by label, name and state, and leaves stopped ones out unless asked', async () => {
        const running = await makeRunning({ Labels: { tier: 'web' } })
        const created = await make({ Labels: { tier: 'db' } })
        const mine = { label: [`${label}=${run}`] }
        async function ids(all: boolean, filters: Record<string, readonly string[]>): Promise<string[]> {
          const rows = await listContainers(engine, { all, filters: { ...mine, ...filters } })
          return rows.map((row) => row.Id)
        }
        expect(await ids(false, {})).toEqual([running])
        expect(await ids(true, {})).toEqual([created, running])
        expect(await ids(true, { label: [`${label}=${run}`, 'tier=db'] })).toEqual([created])
        expect(await ids(true, { label: [`${label}=${run}`, 'tier'] })).toEqual([created, running])
        expect(await ids(true, { status: ['created'] })).toEqual([created])
        const { Name } = await inspectContainer(engine, running)
        expect(await ids(true, { name: [`^${Name}$`] })).toEqual([running])
        expect(await ids(true, { id: [created.slice(0, 12)] })).toEqual([created])
      })

      it('names, full ids and short ids all find a container', async () => {
        const id = await make()
        const { Name } = await inspectContainer(engine, id)
        expect((await inspectContainer(engine, id.slice(0, 12))).Id).toBe(id)
        expect((await inspectContainer(engine, Name.slice(1))).Id).toBe(id)
      })

      it('starting twice and stopping twice are no errors; killing a stopped one is', async () => {
        const id = await makeRunning({ script: 'sleep 300', StopSignal: 'SIGKILL' })
        await startContainer(engine, id)
        await stopContainer(engine, id, { timeoutSeconds: 1 })
        await stopContainer(engine, id, { timeoutSeconds: 1 })
        await expect(killContainer(engine, id)).rejects.toMatchObject({
          code: 'engine/conflict',
          message: expect.stringMatching(/is not running/),
        })
      })

      it('a running container is only removed by force', async () => {
        const id = await makeRunning()
        await expect(removeContainer(engine, id)).rejects.toMatchObject({ code: 'engine/conflict', status: 409 })
        await removeContainer(engine, id, { force: true })
        await expect(inspectContainer(engine, id)).rejects.toMatchObject({ status: 404 })
      })

      it('a kill ends a container with 128 plus the signal, and a restart brings it back', async () => {
        const id = await makeRunning()
        const exit = waitContainer(engine, id)
        await killContainer(engine, id, { signal: 'SIGKILL' })
        expect(await exit).toMatchObject({ StatusCode: 137 })
        await restartContainer(engine, id, { timeoutSeconds: 0 })
        expect((await inspectContainer(engine, id)).State.Running).toBe(true)
      })

      it('rename moves the name and frees the old one', async () => {
        const id = await make()
        const before = (await inspectContainer(engine, id)).Name.slice(1)
        const after = freeName()
        await renameContainer(engine, id, after)
        expect((await inspectContainer(engine, id)).Name).toBe(`/${after}`)
        await expect(inspectContainer(engine, before)).rejects.toMatchObject({ status: 404 })
      })

      it('pause and unpause change the state, update changes the restart policy', async () => {
        const id = await makeRunning()
        await pauseContainer(engine, id)
        expect((await inspectContainer(engine, id)).State).toMatchObject({ Status: 'paused', Paused: true })
        await unpauseContainer(engine, id)
        await updateContainer(engine, id, { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } })
        const { State, HostConfig } = await inspectContainer(engine, id)
        expect(State.Status).toBe('running')
        expect(HostConfig.RestartPolicy).toMatchObject({ Name: 'on-failure', MaximumRetryCount: 2 })
      })

      it('top lists processes and stats gives a document', async () => {
        const id = await makeRunning()
        const top = await topContainer(engine, id)
        expect(top.Titles).toContain('PID')
        expect(JSON.stringify(top.Processes)).toContain('sleep 300')
        const [first] = await drain(await containerStats(engine, id, { stream: false }))
        expect(first).toMatchObject({ memory_stats: expect.anything() })
      })
    })

    describe('streams', () => {
      it('attached stdin comes back whole, and ending it leaves the output open', async () => {
        const id = await make({
          Cmd: ['cat'],
          OpenStdin: true,
          StdinOnce: true,
          AttachStdin: true,
          AttachStdout: true,
        })
        const attached = await attachContainer(engine, id, { stdin: true })
        await startContainer(engine, id)
        const sent = Buffer.alloc(512 * 1024, 'half close matters\n')
        const output = collect(attached.output)
        attached.socket.end(sent)
        const { stdout } = await output
        expect(stdout.length).toBe(sent.length)
        expect(stdout === sent.toString('latin1')).toBe(true)
        expect(await waitContainer(engine, id)).toMatchObject({ StatusCode: 0 })
      })

      it('an exec gives its output apart and its exit code', async () => {
        const id = await makeRunning()
        const { Id } = await createExec(engine, id, {
          Cmd: ['sh', '-c', 'echo out; echo err >&2; exit 7'],
          AttachStdout: true,
          AttachStderr: true,
        })
        const { output } = await startExec(engine, Id)
        expect(await collect(output)).toEqual({ stdout: 'out\n', stderr: 'err\n' })
        await expect.poll(async () => (await inspectExec(engine, Id)).ExitCode).toBe(7)
      })

      it('an exec echoes its stdin until it is closed', async () => {
        const id = await makeRunning()
        const { Id } = await createExec(engine, id, { Cmd: ['cat'], AttachStdin: true, AttachStdout: true })
        const { socket, output } = await startExec(engine, Id)
        socket.write('first ')
        socket.end('second')
        expect(await collect(output)).toEqual({ stdout: 'first second', stderr: '' })
      })

      it('an exec with a terminal is one raw stream', async () => {
        const id = await makeRunning()
        const { Id } = await createExec(engine, id, {
          Cmd: ['sh', '-c', 'echo on a tty'],
          AttachStdout: true,
          AttachStderr: true,
          Tty: true,
        })
        const { output, multiplexed } = await startExec(engine, Id, { tty: true })
        expect(multiplexed).toBe(false)
        expect((await collect(output)).stdout.replaceAll('\r', '')).toBe('on a tty\n')
      })

      it('a detached exec runs by itself, and one in a stopped container is refused', async () => {
        const id = await makeRunning()
        const { Id } = await createExec(engine, id, { Cmd: ['sh', '-c', 'exit 5'] })
        await startExecDetached(engine, Id)
        await expect.poll(async () => (await inspectExec(engine, Id)).ExitCode).toBe(5)
        await killContainer(engine, id)
        await waitContainer(engine, id)
        await expect(createExec(engine, id, { Cmd: ['true'] })).rejects.toMatchObject({
          code: 'engine/conflict',
          message: expect.stringMatching(/is not running/),
        })
      })

      it('following logs ends when the container does, and stops at once when aborted', async () => {
        const ending = await makeRunning({ script: 'echo first; sleep 1; echo last' })
        expect((await collect(await containerLogs(engine, ending, { follow: true }))).stdout).toBe('first\nlast\n')
        const endless = await makeRunning({ script: 'echo here; sleep 300' })
        const stop = new AbortController()
        const logs = await containerLogs(engine, endless, { follow: true }, { signal: stop.signal })
        const reading = (async () => {
          for await (const chunk of logs) if (chunk.data.toString().includes('here')) stop.abort()
        })()
        await expect(reading).rejects.toMatchObject({ code: 'core/aborted' })
      })

      it('the tail of a log is its last lines', async () => {
        const id = await makeRunning({ script: 'echo one; sleep 0.1; echo two; sleep 0.1; echo three' })
        await waitContainer(engine, id)
        expect((await collect(await containerLogs(engine, id, { tail: 2 }))).stdout).toBe('two\nthree\n')
        const stamped = (await collect(await containerLogs(engine, id, { tail: 1, timestamps: true }))).stdout
        expect(stamped).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z three\n$/)
      })

      it('events tell the life of a container in order', async () => {
        const events = await watchEvents(engine, { filters: { type: ['container'], label: [`${label}=${run}`] } })
        const id = await makeRunning({ script: 'exit 0' })
        await waitContainer(engine, id)
        await removeContainer(engine, id)
        const seen: string[] = []
        for await (const event of events) {
          if (event.Actor.ID === id) seen.push(event.Action)
          if (event.Action === 'destroy') break
        }
        expect(seen.filter((action) => action !== 'attach')).toEqual(['create', 'start', 'die', 'destroy'])
      })

      it('events of the past are replayed', async () => {
        const since = Math.floor(Date.now() / 1000) - 1
        const id = await make()
        const until = Math.ceil(Date.now() / 1000) + 1
        const events = await drain(await watchEvents(engine, { since, until, filters: { container: [id] } }))
        expect(events).toMatchObject([{ Type: 'container', Action: 'create', Actor: { ID: id } }])
      })
    })

    describe('files', () => {
      it('a file put into a container is described and comes out again', async () => {
        const id = await make()
        const tar = pack()
        tar.entry({ name: 'note.txt', mode: 0o640 }, 'kept as it was')
        tar.finalize()
        await putArchive(engine, id, { path: '/tmp' }, tar)
        expect(await headArchive(engine, id, '/tmp/note.txt')).toMatchObject({ name: 'note.txt', size: 14 })
        const { stat, body } = await getArchive(engine, id, '/tmp/note.txt')
        expect(stat.name).toBe('note.txt')
        const found: string[] = []
        for await (const entry of body.pipe(extract())) {
          const chunks: Buffer[] = []
          for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk)
          found.push(`${entry.header.name}: ${Buffer.concat(chunks).toString()}`)
        }
        expect(found).toEqual(['note.txt: kept as it was'])
        await expect(getArchive(engine, id, '/no/such/file')).rejects.toMatchObject({ code: 'engine/not-found' })
        await expect(headArchive(engine, id, '/no/such/file')).rejects.toMatchObject({ code: 'engine/not-found' })
      })
    })

    describe('images', () => {
      it('an image is tagged, listed by reference, saved, removed and loaded', async () => {
        const tag = `${run}/copy:1`
        await tagImage(engine, under.image, { repo: `${run}/copy`, tag: '1' })
        const { Id } = await inspectImage(engine, tag)
        const rows = await listImages(engine, { filters: { reference: [tag] } })
        expect(rows.map((row) => row.Id)).toEqual([Id])
        const saved: Buffer[] = []
        for await (const chunk of (await saveImages(engine, [tag])) as AsyncIterable<Buffer>) saved.push(chunk)
        expect(await removeImage(engine, tag)).toEqual([{ Untagged: tag }])
        await expect(inspectImage(engine, tag)).rejects.toMatchObject({ code: 'engine/not-found' })
        const said = await drain(await loadImages(engine, Buffer.concat(saved)))
        expect(JSON.stringify(said)).toContain(`Loaded image: ${tag}`)
        expect((await inspectImage(engine, tag)).RepoTags).toContain(tag)
        await removeImage(engine, tag)
      })
    })

    describe('networks and volumes', () => {
      it('a network is made once, joined, left and removed', async () => {
        const name = freeName()
        const body = { Name: name, CheckDuplicate: true, Labels: { [label]: run }, Internal: true }
        const { Id } = await createNetwork(engine, body)
        await expect(createNetwork(engine, body)).rejects.toMatchObject({
          code: 'engine/conflict',
          message: `network with name ${name} already exists`,
        })
        const listed = await listNetworks(engine, { filters: { label: [`${label}=${run}`] } })
        expect(listed.map((network) => network.Id)).toEqual([Id])
        const container = await makeRunning({ HostConfig: { NetworkMode: name } })
        const inside = await inspectNetwork(engine, Id)
        expect(Object.keys(inside.Containers ?? {})).toEqual([container])
        await expect(removeNetwork(engine, Id)).rejects.toMatchObject({
          message: expect.stringContaining('has active endpoints'),
        })
        await disconnectNetwork(engine, Id, { Container: container })
        expect((await inspectContainer(engine, container)).NetworkSettings.Networks).toEqual({})
        await connectNetwork(engine, Id, { Container: container, EndpointConfig: { Aliases: ['web'] } })
        const joined = (await inspectContainer(engine, container)).NetworkSettings.Networks?.[name]
        expect(joined?.NetworkID).toBe(Id)
        expect(joined?.IPAddress).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
        expect(joined?.Aliases).toContain('web')
        await removeContainer(engine, container, { force: true })
        await removeNetwork(engine, Id)
        await expect(inspectNetwork(engine, Id)).rejects.toMatchObject({
          code: 'engine/not-found',
          message: `network ${Id} not found`,
        })
      })

      it('a volume is made once and cannot be removed while a container uses it', async () => {
        const name = freeName()
        const body = { Name: name, Labels: { [label]: run } }
        expect(await createVolume(engine, body)).toMatchObject({ Name: name, Driver: 'local', Labels: body.Labels })
        expect(await createVolume(engine, body)).toMatchObject({ Name: name })
        const { Volumes } = await listVolumes(engine, { filters: { label: [`${label}=${run}`] } })
        expect(Volumes?.map((volume) => volume.Name)).toEqual([name])
        const user = await make({ HostConfig: { Binds: [`${name}:/data`] } })
        await expect(removeVolume(engine, name)).rejects.toMatchObject({
          code: 'engine/conflict',
          message: expect.stringContaining('volume is in use'),
        })
        await removeContainer(engine, user)
        await removeVolume(engine, name)
        await expect(inspectVolume(engine, name)).rejects.toMatchObject({
          code: 'engine/not-found',
          message: expect.stringContaining('no such volume'),
        })
      })
    })
  })
}
