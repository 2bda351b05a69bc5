import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { killContainer, removeContainer, startContainer, waitContainer } from '../../src/engine/api/containers.ts'
import { watchEvents } from '../../src/engine/api/events.ts'
import { createExec, inspectExec, startExec, startExecDetached } from '../../src/engine/api/exec.ts'
import { attachContainer, containerLogs } from '../../src/engine/api/streams.ts'
import { collect, drain } from './engine-bed.ts'
import type { EngineBed } from './engine-bed.ts'

/** Output, input and events as they flow. */
export function testEngineStreams(bed: EngineBed): void {
  describe('streams', () => {
    it('attached stdin comes back whole, and ending it leaves the output open', async () => {
      const id = await bed.make({
        Cmd: ['cat'],
        OpenStdin: true,
        StdinOnce: true,
        AttachStdin: true,
        AttachStdout: true,
      })
      const attached = await attachContainer(bed.engine, id, { stdin: true })
      await startContainer(bed.engine, id)
      const sent = Buffer.alloc(512 * 1024, 'half close matters\n')
      const output = collect(attached.output)
      attached.socket.end(sent)
      const { stdout } = await output
      expect(stdout.length).toBe(sent.length)
      expect(stdout === sent.toString('latin1')).toBe(true)
      expect(await waitContainer(bed.engine, id)).toMatchObject({ StatusCode: 0 })
    })

    it('an exec gives its output apart and its exit code', async () => {
      const id = await bed.makeRunning()
      const { Id } = await createExec(bed.engine, id, {
        Cmd: ['sh', '-c', 'echo out; echo err >&2; exit 7'],
        AttachStdout: true,
        AttachStderr: true,
      })
      const { output } = await startExec(bed.engine, Id)
      expect(await collect(output)).toEqual({ stdout: 'out\n', stderr: 'err\n' })
      await expect.poll(async () => (await inspectExec(bed.engine, Id)).ExitCode).toBe(7)
    })

    it('an exec echoes its stdin until it is closed', async () => {
      const id = await bed.makeRunning()
      const { Id } = await createExec(bed.engine, id, { Cmd: ['cat'], AttachStdin: true, AttachStdout: true })
      const { socket, output } = await startExec(bed.engine, Id)
      socket.write('first ')
      socket.end('second')
      expect(await collect(output)).toEqual({ stdout: 'first second', stderr: '' })
    })

    it('an exec with a terminal is one raw stream', async () => {
      const id = await bed.makeRunning()
      const { Id } = await createExec(bed.engine, id, {
        Cmd: ['sh', '-c', 'echo on a tty'],
        AttachStdout: true,
        AttachStderr: true,
        Tty: true,
      })
      const { output, multiplexed } = await startExec(bed.engine, Id, { tty: true })
      expect(multiplexed).toBe(false)
      expect((await collect(output)).stdout.replaceAll('\r', '')).toBe('on a tty\n')
    })

    it('a detached exec runs by itself, and one in a stopped container is refused', async () => {
      const id = await bed.makeRunning()
      const { Id } = await createExec(bed.engine, id, { Cmd: ['sh', '-c', 'exit 5'] })
      await startExecDetached(bed.engine, Id)
      await expect.poll(async () => (await inspectExec(bed.engine, Id)).ExitCode).toBe(5)
      await killContainer(bed.engine, id)
      await waitContainer(bed.engine, id)
      await expect(createExec(bed.engine, id, { Cmd: ['true'] })).rejects.toMatchObject({
        code: 'engine/conflict',
        message: expect.stringMatching(/is not running/),
      })
    })

    it('following logs ends when the container does, and stops at once when aborted', async () => {
      const ending = await bed.makeRunning({ script: 'echo first; sleep 1; echo last' })
      expect((await collect(await containerLogs(bed.engine, ending, { follow: true }))).stdout).toBe('first\nlast\n')
      const endless = await bed.makeRunning({ script: 'echo here; sleep 300' })
      const stop = new AbortController()
      const logs = await containerLogs(bed.engine, endless, { follow: true }, { signal: stop.signal })
      const reading = (async () => {
        for await (const chunk of logs) if (chunk.data.toString().includes('here')) stop.abort()
      })()
      await expect(reading).rejects.toMatchObject({ code: 'core/aborted' })
    })

    it('the tail of a log is its last lines', async () => {
      const id = await bed.makeRunning({ script: 'echo one; sleep 0.1; echo two; sleep 0.1; echo three' })
      await waitContainer(bed.engine, id)
      expect((await collect(await containerLogs(bed.engine, id, { tail: 2 }))).stdout).toBe('two\nthree\n')
      const stamped = (await collect(await containerLogs(bed.engine, id, { tail: 1, timestamps: true }))).stdout
      expect(stamped).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z three\n$/)
    })

    it('events tell the life of a container in order', async () => {
      const events = await watchEvents(bed.engine, { filters: { type: ['container'], label: [bed.filter] } })
      const id = await bed.makeRunning({ script: 'exit 0' })
      await waitContainer(bed.engine, id)
      await removeContainer(bed.engine, id)
      const seen: string[] = []
      for await (const event of events) {
        if (event.Actor.ID === id) seen.push(event.Action)
        if (event.Action === 'destroy') break
      }
      expect(seen.filter((action) => action !== 'attach')).toEqual(['create', 'start', 'die', 'destroy'])
    })

    it('events of the past are replayed', async () => {
      const since = Math.floor(Date.now() / 1000) - 1
      const id = await bed.make()
      const until = Math.ceil(Date.now() / 1000) + 1
      const events = await drain(await watchEvents(bed.engine, { since, until, filters: { container: [id] } }))
      expect(events).toMatchObject([{ Type: 'container', Action: 'create', Actor: { ID: id } }])
    })
  })
}
