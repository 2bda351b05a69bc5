import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createContainer, removeContainer, startContainer, waitContainer } from '../../src/engine/api/containers.ts'
import { createExec, startExec } from '../../src/engine/api/exec.ts'
import { pullImage } from '../../src/engine/api/images.ts'
import { attachContainer } from '../../src/engine/api/streams.ts'
import { engineInfo, ping } from '../../src/engine/api/system.ts'
import { openEngine } from '../../src/engine/client.ts'
import type { Endpoint, TlsMaterial } from '../../src/engine/endpoint.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { systemClock } from '../../src/io/clock.ts'
import { sampleImageName } from '../../src/machine/sample-image.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab, LabHost } from '../../src/testing/lab/types.ts'
import { testEngine } from '../conformance/engine.ts'

/** Oldest and newest engine that run here, side by side. */
const engines = ['20.10', '28.5'] as const

let place: Lab
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flotilla-engine-'))
  place = await lab({ engines, image: true })
})
afterAll(async () => {
  await place?.down()
  await rm(folder, { recursive: true, force: true })
})

function open(endpoint: Endpoint, env?: Readonly<Record<string, string | undefined>>): Engine {
  return openEngine(endpoint, { clock: systemClock, userAgent: 'flotilla-test', ...(env === undefined ? {} : { env }) })
}

function host(index: number): LabHost {
  const found = place.hosts[index]
  if (found === undefined) throw new Error(`the lab has no host ${index}`)
  return found
}

/** An `ssh` that knows the key of a lab host, first on the PATH: what a user's ssh configuration would do. */
async function sshEnvironment(keyPath: string): Promise<Record<string, string | undefined>> {
  const wrapper = join(folder, 'ssh')
  await writeFile(
    wrapper,
    `#!/bin/sh\nexec /usr/bin/ssh -i '${keyPath}' -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$@"\n`,
  )
  await chmod(wrapper, 0o755)
  return { ...process.env, PATH: `${folder}:${process.env['PATH']}` }
}

async function count(output: AsyncIterable<{ readonly data: Buffer }>): Promise<number> {
  let bytes = 0
  for await (const chunk of output) bytes += chunk.data.length
  return bytes
}

/** Attach and exec, 2 MiB each way, each closed from our side first. */
async function pushThrough(engine: Engine): Promise<{ attached: number; executed: number; code: number }> {
  const { Id } = await createContainer(engine, {
    Image: sampleImageName,
    Cmd: ['cat'],
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    HostConfig: { NetworkMode: 'none' },
  })
  try {
    const attached = await attachContainer(engine, Id, { stdin: true })
    await startContainer(engine, Id)
    const exec = await createExec(engine, Id, { Cmd: ['cat'], AttachStdin: true, AttachStdout: true })
    const executed = await startExec(engine, exec.Id)
    const bytes = Buffer.alloc(2 * 1024 * 1024, 'flotilla ')
    // One after the other: the end of the container's own process ends the exec.
    const fromExec = count(executed.output)
    executed.socket.end(bytes)
    await fromExec
    const fromAttach = count(attached.output)
    attached.socket.end(bytes)
    await fromAttach
    const { StatusCode } = await waitContainer(engine, Id)
    return { attached: await fromAttach, executed: await fromExec, code: StatusCode }
  } finally {
    await removeContainer(engine, Id, { force: true })
  }
}

for (const [index, version] of engines.entries()) {
  testEngine(`Docker ${version} over TLS`, async () => {
    const engine = open(host(index).endpoint)
    return { engine, image: sampleImageName, stop: () => engine.close() }
  })

  describe(`Docker ${version}`, () => {
    const whole = { attached: 2 * 1024 * 1024, executed: 2 * 1024 * 1024, code: 0 }

    it('passes bytes and half-closes over its Unix socket', async () => {
      const engine = open({ kind: 'unix', path: host(index).socketPath })
      expect(await pushThrough(engine)).toEqual(whole)
      await engine.close()
    })

    it('passes bytes and half-closes over TLS', async () => {
      const engine = open(host(index).endpoint)
      expect(await pushThrough(engine)).toEqual(whole)
      await engine.close()
    })

    it('passes bytes and half-closes over ssh', async () => {
      const { user, port, keyPath, ...ssh } = await host(index).sshd()
      const engine = open({ kind: 'ssh', host: ssh.host, port, user }, await sshEnvironment(keyPath))
      expect((await engineInfo(engine)).ServerVersion).toContain(version)
      expect(await pushThrough(engine)).toEqual(whole)
      await engine.close()
    })

    it('is told apart from one whose certificate is for another name, or unknown, or that wants ours', async () => {
      const { endpoint } = host(index)
      if (endpoint.kind !== 'tcp' || endpoint.tls === undefined) throw new Error('the lab has no TLS')
      const { ca = '' } = endpoint.tls
      const { tls: _own, ...plain } = endpoint
      async function reason(tls: TlsMaterial | undefined): Promise<unknown> {
        const engine = open(tls === undefined ? plain : { ...plain, tls })
        const error: unknown = await ping(engine).catch((thrown: unknown) => thrown)
        await engine.close()
        return error
      }
      expect(await reason({ ...endpoint.tls, serverName: 'other.example' })).toMatchObject({
        code: 'engine/unreachable',
        message: expect.stringMatching(/its certificate is for .*, not for other\.example$/),
      })
      const { ca: _ca, ...withoutCa } = endpoint.tls
      expect(await reason(withoutCa)).toMatchObject({
        message: expect.stringMatching(/its certificate is not trusted/),
      })
      expect(await reason({ ca, isVerified: true })).toMatchObject({
        code: 'engine/unreachable',
        message: expect.stringMatching(/client certificate$/),
      })
      expect(await reason(undefined)).toMatchObject({
        code: 'engine/unreachable',
        message: expect.stringMatching(/it wants TLS$/),
      })
    })

    it('tells why a pull failed', async () => {
      const engine = open(host(index).endpoint)
      const pulling = (async () => {
        for await (const document of await pullImage(engine, { fromImage: `${host(index).ip}:1/none`, tag: '1' })) {
          if (document.error !== undefined) throw new Error(document.error)
        }
      })()
      await expect(pulling).rejects.toThrow(/connection refused/)
      await engine.close()
    })
  })
}

describe('an engine that fails', () => {
  it('is told stopped, frozen and back, each in a bounded time', async () => {
    const target = host(0)
    const engine = open(target.endpoint)
    await engine.apiVersion()
    await target.pause()
    try {
      await expect(ping(engine, { deadlineMs: 500 })).rejects.toMatchObject({ code: 'engine/timeout' })
    } finally {
      await target.resume()
    }
    expect(await ping(engine)).toMatchObject({ osType: 'linux' })
    await target.stopEngine()
    await expect(ping(engine)).rejects.toMatchObject({
      code: 'engine/unreachable',
      message: expect.stringMatching(/connection refused$/),
    })
    await target.startEngine()
    expect(await ping(engine)).toMatchObject({ osType: 'linux' })
    await engine.close()
  })

  it('behind a cable that was pulled ends at the deadline of the connection', async () => {
    const target = host(1)
    await target.drop()
    const engine = openEngine(target.endpoint, { clock: systemClock, userAgent: 'test', connectDeadlineMs: 500 })
    await expect(ping(engine)).rejects.toMatchObject({
      code: 'engine/unreachable',
      message: expect.stringMatching(/no connection within 500 ms$/),
    })
    await target.heal()
    await expect
      .poll(
        () =>
          ping(engine).then(
            (pong) => pong.osType,
            () => 'away',
          ),
        { timeout: 20_000 },
      )
      .toBe('linux')
    await engine.close()
  })
})
