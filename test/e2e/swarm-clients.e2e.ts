import { spawn } from 'node:child_process'
import { promises as fs } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LabService } from '../../src/testing/lab/types.ts'
import { findPythonClients, installBuildx } from './clients.ts'
import { findReferenceCompose, isRoot } from './compose-host.ts'
import { collect } from './programs.ts'
import type { RunResult } from './programs.ts'
import { dockerClis, eventually, startCluster } from './swarm-cluster.ts'
import type { TestCluster } from './swarm-cluster.ts'

/** A usual day of every kind of client, through one endpoint over engines of three ages. */

const image = 'flotilla/sample:latest'
const dockerfile = `FROM ${image}\nARG WHO=nobody\nCOPY data /data\nRUN echo "hello $WHO" > /hello\nCMD ["cat","/hello"]\n`

let cluster: TestCluster
let registry: LabService

async function start(file: string, args: readonly string[], more: Record<string, string> = {}): Promise<RunResult> {
  const env = { ...process.env, DOCKER_HOST: cluster.host, DOCKER_CONFIG: cluster.folder, ...more }
  const child = spawn(file, args, { env, cwd: cluster.folder, stdio: ['ignore', 'pipe', 'pipe'] })
  return collect(child, 120_000)
}

/** A shell line that must succeed. @returns its output */
async function ok(cli: string, line: string): Promise<string> {
  const result = await cluster.shell(cli, `set -o pipefail; cd ${cluster.folder}; ${line}`, 120_000)
  expect(result.code, `${line}\n${result.stdout}\n${result.stderr}`).toBe(0)
  return result.stdout
}

describe.runIf(isRoot)('clients of a cluster of engines 20.10, 26.1 and 28.5 (needs root on Linux)', () => {
  beforeAll(async () => {
    cluster = await startCluster({ engines: ['20.10', '26.1', '28.5'], namePrefix: 'cli' })
    registry = await cluster.lab.registry()
    await installBuildx(cluster.folder)
    await fs.mkdir(join(cluster.folder, 'context'))
    await fs.writeFile(join(cluster.folder, 'context/Dockerfile'), dockerfile)
    await fs.writeFile(join(cluster.folder, 'context/data'), 'some data\n')
  })
  afterAll(async () => {
    await cluster?.down()
  })

  describe.each(dockerClis)('$name', ({ name: release, path: cli }) => {
    // The classic builder is the same in both CLIs.
    const isOld = release !== 'docker 28'
    it.each(isOld ? ['0', '1'] : ['1'])('builds and runs what it built (DOCKER_BUILDKIT=%s)', async (kit) => {
      const env = `export DOCKER_BUILDKIT=${kit} DOCKER_CLI_HINTS=false`
      const told = await ok(cli, `${env}; $D build --build-arg WHO=me -t built:${kit} context 2>&1`)
      expect(told).toMatch(/Successfully tagged|naming to docker.io\/library\/built/)
      expect(await ok(cli, `$D run --rm built:${kit}`)).toBe('hello me\n')
      const quiet = await ok(cli, `${env}; tar -C context -c . | $D build -q -t piped:${kit} -`)
      expect(quiet).toMatch(/^sha256:[0-9a-f]{64}\n$/)
      expect(await ok(cli, `$D run --rm piped:${kit}`)).toBe('hello nobody\n')
      const failed = await cluster.shell(cli, `${env}; printf 'FROM ${image}\\nRUN exit 7\\n' | $D build -`, 120_000)
      expect(failed.code, failed.stderr).not.toBe(0)
      expect(`${failed.stdout}${failed.stderr}`).toMatch(/exit 7|exit code: 7/)
      await ok(cli, `$D rmi -f built:${kit} piped:${kit}`)
    })

    it.runIf(isOld)(
      'a classic build goes where its conditions say, and they do not reach the engine (docker 20.10)',
      async () => {
        const line = `DOCKER_BUILDKIT=0 $D build --build-arg constraint:node==cli2 -t placed context`
        expect(await ok(cli, line)).not.toContain('constraint')
        expect((await cluster.node(1).docker(['images', '-q', 'placed'])).stdout).not.toBe('')
        const elsewhere = await cluster.shell(
          cli,
          `cd ${cluster.folder}; DOCKER_BUILDKIT=0 $D build --build-arg constraint:node==none -t placed context`,
        )
        expect(elsewhere.code).not.toBe(0)
        expect(elsewhere.stderr).toContain('Unable to find a node that satisfies')
        await ok(cli, '$D rmi placed')
      },
    )

    it('pushes, pulls onto every node, saves, loads, imports and commits', async () => {
      const name = `${registry.address}/team/app:1`
      await ok(cli, `$D tag ${image} ${name} && $D push ${name} && $D rmi ${name} && $D pull ${name}`)
      for (const host of cluster.lab.hosts) expect((await host.docker(['images', '-q', name])).stdout).not.toBe('')
      await ok(cli, `$D save -o all.tar ${name} ${image} && $D rmi ${name} && $D load -i all.tar`)
      expect(await ok(cli, `$D images --format '{{.Repository}}:{{.Tag}}' ${name}`)).toBe(`${name}\n`)
      await ok(cli, `$D rmi ${name}; $D run --name made ${image} sh -c 'echo kept > /kept'; $D commit made made:1`)
      expect(await ok(cli, '$D run --rm made:1 cat /kept')).toBe('kept\n')
      await ok(cli, `$D export made | $D import -c 'CMD ["cat","/kept"]' -m words - brought:1`)
      expect(await ok(cli, '$D run --rm brought:1')).toBe('kept\n')
      expect(await ok(cli, '$D diff made')).toContain('A /kept')
      await ok(cli, '$D rm made && $D rmi -f made:1 brought:1')
      const search = await cluster.shell(cli, '$D search anything')
      expect(search.code).not.toBe(0)
      expect(search.stderr).toMatch(/Error response from daemon: .*(?:dial|lookup|search)/)
    })

    it('updates, waits, looks back at events, prunes and counts', async () => {
      await ok(cli, `$D run -d --name day --label day=${cli.length} ${image} sleep 300`)
      await ok(cli, '$D update --memory 64m --memory-swap 64m day')
      expect(await ok(cli, `$D inspect -f '{{.HostConfig.Memory}}' day`)).toBe('67108864\n')
      expect(await ok(cli, '($D wait day & sleep 0.3; $D kill -s KILL day >/dev/null; wait)')).toBe('137\n')
      const until = `--since 300s --until $(($(date +%s) + 1))`
      const events = await ok(
        cli,
        `$D events ${until} --filter type=container --filter container=$($D inspect -f '{{.Id}}' day) --format '{{.Action}}'`,
      )
      expect(events.trim().split('\n').sort()).toEqual(['create', 'die', 'kill', 'start', 'update'])
      await ok(cli, '$D volume create idle; $D network create idle')
      expect(await ok(cli, `$D container prune -f --filter label=day=${cli.length}`)).toContain('Deleted Containers')
      expect(await ok(cli, '$D network prune -f')).toContain('idle')
      await ok(cli, '$D volume rm idle')
      expect(await ok(cli, '$D system df')).toMatch(/^Images .*\nContainers .*\nLocal Volumes .*\nBuild Cache /m)
      await ok(cli, '$D builder prune -af; $D plugin ls; $D image prune -f')
      const service = await cluster.shell(cli, '$D service ls')
      expect(service.stderr).toContain('This node is not a swarm manager')
    })
  })

  it('buildx builds through its own tunnel, and the image runs', async () => {
    const cli = dockerClis[0]!.path
    expect(await ok(cli, '$D buildx ls')).toMatch(/default .*running/)
    await ok(cli, '$D buildx build --load --progress plain --build-arg WHO=x -t xbuilt context')
    expect(await ok(cli, '$D run --rm xbuilt')).toBe('hello x\n')
    await ok(cli, '$D rmi xbuilt')
  })

  it('an image that is built again is pushed and run as it is now, on every node', async () => {
    const cli = dockerClis[0]!.path
    const name = `${registry.address}/again:1`
    for (const who of ['first', 'second']) {
      await ok(cli, `$D buildx build --push --build-arg WHO=${who} -t ${name} context`)
      for (const node of ['cli1', 'cli2', 'cli3']) {
        expect(await ok(cli, `$D run --rm -e constraint:node==${node} ${name}`)).toBe(`hello ${who}\n`)
      }
      const pulled = await cluster.node(2).docker(['run', '--rm', '--pull', 'always', name])
      expect(pulled.stdout).toBe(`hello ${who}\n`)
    }
    await ok(cli, `$D rmi -f ${name}`)
  })

  it('a client newer than an engine gets several networks at create, and warnings for what is lost', async () => {
    const call = (path: string, body: string): Promise<string> =>
      ok(
        'curl',
        `curl -s --unix-socket ${cluster.socket} -H 'Content-Type: application/json' -d '${body}' http://d${path}`,
      )
    const networks = ['one', 'two'].map((name) => `cli1/${name}`)
    for (const name of networks) await call('/v1.51/networks/create', `{"Name":"${name}","Driver":"bridge"}`)
    const body = JSON.stringify({
      Image: image,
      Healthcheck: { Test: ['CMD', 'true'], StartInterval: 1_000_000_000 },
      HostConfig: { NetworkMode: 'cli1/one', Annotations: { a: 'b' } },
      NetworkingConfig: { EndpointsConfig: { 'cli1/one': {}, 'cli1/two': { Aliases: ['second'] } } },
    })
    const made = JSON.parse(await call('/v1.51/containers/create?name=both', body)) as { Warnings: string[] }
    expect(made.Warnings.filter((each) => each.includes('was left out')).map((each) => each.split(' ')[0])).toEqual([
      'Healthcheck.StartInterval',
      'HostConfig.Annotations',
    ])
    const on = await cluster.node(0).docker(['inspect', '-f', '{{json .NetworkSettings.Networks}}', 'both'])
    expect(Object.keys(JSON.parse(on.stdout) as object).sort()).toEqual(['one', 'two'])
    await ok(dockerClis[0]!.path, '$D rm both; $D network rm cli1/one cli1/two')
  })

  it('attach over a websocket carries what the container says', async () => {
    const cli = dockerClis[0]!.path
    await ok(cli, `$D run -d --name ws ${image} sh -c 'sleep 300 & trap "echo over ws; kill $!" TERM; wait'`)
    const socket = connect(cluster.socket)
    socket.write(
      'GET /v1.41/containers/ws/attach/ws?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\nOrigin: http://d\r\nConnection: Upgrade\r\n' +
        'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    let text = ''
    socket.on('data', (data: Buffer) => (text += data.toString('latin1')))
    await eventually(() => text.includes('\r\n\r\n'), 20_000, 'an answer to the handshake')
    expect(text).toMatch(/^HTTP\/1\.1 101 [^]*s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/)
    await ok(cli, '$D kill -s TERM ws')
    await eventually(() => text.includes('over ws'), 20_000, 'output over the websocket')
    socket.destroy()
    await ok(cli, '$D rm -f ws')
  })

  it('native swarm mode beneath: services and nodes through the endpoint', async () => {
    const host = cluster.node(2)
    await host.docker(['swarm', 'init', '--advertise-addr', host.ip])
    const cli = dockerClis[0]!.path
    await eventually(async () => (await cluster.shell(cli, '$D node ls')).code === 0, 20_000, 'a swarm manager')
    expect(await ok(cli, `$D node ls --format '{{.Hostname}} {{.ManagerStatus}}'`)).toBe('cli3 Leader\n')
    for (const { path } of dockerClis) {
      await ok(path, `$D service create -q -d --name svc --replicas 0 ${image} >/dev/null`)
      expect(await ok(path, `$D service ls --format '{{.Name}} {{.Replicas}}'`)).toBe('svc 0/0\n')
      await ok(path, '$D service rm svc')
    }
    expect(await ok(cli, `$D info --format '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}' 2>/dev/null`)).toBe(
      'active true\n',
    )
    const leave = await cluster.shell(cli, '$D swarm leave -f')
    expect(leave.stderr).toContain('/swarm/leave concerns one engine')
    await host.docker(['swarm', 'leave', '-f'])
  })

  const project = `services:\n  web:\n    image: ${image}\n    command: ["sh","-c","echo served; sleep 300"]\n    network_mode: bridge\n    stop_grace_period: 1s\n  job:\n    build: ./context\n    image: job:1\n    network_mode: bridge\n    volumes: ["data:/work"]\nvolumes: { data: {} }\n`

  /** The day of a Compose program: build, up, ps, exec, logs, scale, down. */
  async function composeDay(file: string, before: readonly string[], env: Record<string, string>): Promise<void> {
    const compose = async (...args: string[]): Promise<string> => {
      const result = await start(file, [...before, '-p', 'day', '-f', 'day.yml', ...args], env)
      expect(result.code, `${args.join(' ')}\n${result.stdout}\n${result.stderr}`).toBe(0)
      return result.stdout
    }
    await fs.writeFile(join(cluster.folder, 'day.yml'), project)
    await compose('up', '-d', '--build', '--scale', 'web=2')
    expect(await compose('exec', '-T', 'web', 'echo', 'inside')).toContain('inside')
    const logs = await compose('logs')
    expect([logs.match(/served/g)?.length, logs.includes('hello')]).toEqual([2, true])
    await compose('down', '-v', '-t', '1', '--rmi', 'local')
    expect(await ok(dockerClis[0]!.path, '$D ps -aq --filter label=com.docker.compose.project=day')).toBe('')
  }

  it('docker-compose 1.29 runs a project', async () => {
    const { python, compose, env } = await findPythonClients()
    await composeDay(python, compose, { ...env })
  })

  it('docker compose 2.40 runs a project', async () => {
    await composeDay(await findReferenceCompose(), [], {})
  })

  it('Python’s docker module: a usual day', async () => {
    const { python, env } = await findPythonClients()
    const script = join(cluster.folder, 'day.py')
    await fs.writeFile(script, pythonDay)
    const result = await start(python, [script, image], { ...env })
    expect(result, result.stderr).toMatchObject({ code: 0, stdout: 'all well\n' })
  })

  it('dockerode: a usual day', async () => {
    const docker = new Docker({ socketPath: cluster.socket })
    expect(String(await docker.ping())).toBe('OK')
    expect(((await docker.info()) as { NCPU: number }).NCPU).toBeGreaterThan(0)
    const container = await docker.createContainer({
      Image: image,
      name: 'rode',
      Cmd: ['sh', '-c', 'read line; echo got $line; echo aside >&2; exit 3'],
      OpenStdin: true,
      StdinOnce: true,
    })
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true })
    const [out, err] = [collector(), collector()]
    docker.modem.demuxStream(stream, out.sink, err.sink)
    const ended = new Promise((resolve) => stream.once('end', resolve))
    await container.start()
    stream.write('words\n')
    stream.end()
    expect(await container.wait()).toMatchObject({ StatusCode: 3 })
    await ended
    expect([out.text(), err.text()]).toEqual(['got words\n', 'aside\n'])
    expect((await container.logs({ stdout: true, stderr: false })).toString('latin1')).toContain('got words')
    await container.remove()

    const second = await docker.createContainer({ Image: image, Cmd: ['sleep', '300'] })
    await second.start()
    const exec = await second.exec({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true })
    const pipe = await exec.start({ hijack: true, stdin: true })
    const echoed = collector()
    docker.modem.demuxStream(pipe, echoed.sink, echoed.sink)
    const closed = new Promise((resolve) => pipe.once('end', resolve))
    pipe.write('through')
    pipe.end()
    await closed
    expect(echoed.text()).toBe('through')
    expect(await exec.inspect()).toMatchObject({ Running: false, ExitCode: 0 })
    const events = await docker.getEvents({ filters: { container: [second.id] } })
    const seen = new Promise<string>((resolve) => events.once('data', (data: Buffer) => resolve(data.toString())))
    await second.kill()
    expect(JSON.parse((await seen).split('\n')[0] ?? '')).toMatchObject({ Type: 'container', Action: 'kill' })
    ;(events as unknown as { destroy(): void }).destroy()
    await second.remove({ force: true })
  })
})

function collector(): { sink: NodeJS.WritableStream; text(): string } {
  let text = ''
  const sink = { write: (data: Buffer) => ((text += data.toString()), true), end: () => undefined }
  return { sink: sink as unknown as NodeJS.WritableStream, text: () => text }
}

const pythonDay = `
import docker, sys, threading
image = sys.argv[1]
client = docker.from_env(version='auto')
assert client.ping()
assert client.info()['NCPU'] > 0
assert client.version()['MinAPIVersion'] == '1.24'
c = client.containers.create(image, ['sh', '-c', 'read line; echo got $line; exit 4'], name='pyday', stdin_open=True)
sock = c.attach_socket(params={'stdin': 1, 'stream': 1})
c.start()
sock._sock.sendall(b'words\\n')
sock._sock.close()
assert c.wait()['StatusCode'] == 4, c.logs()
assert c.logs() == b'got words\\n', c.logs()
c.remove()
c = client.containers.run(image, ['sleep', '300'], detach=True)
code, output = c.exec_run(['sh', '-c', 'echo out; exit 5'])
assert (code, output) == (5, b'out\\n'), (code, output)
seen = []
def watch():
    for event in client.events(decode=True, filters={'container': c.id}):
        seen.append(event['Action'])
        if event['Action'] == 'die': break
thread = threading.Thread(target=watch, daemon=True)
thread.start()
import time; time.sleep(0.5)
c.kill()
thread.join(20)
assert 'die' in seen, seen
assert any(each.id == c.id for each in client.containers.list(all=True))
c.remove(force=True)
built, lines = client.images.build(path='context', tag='pybuilt:1', buildargs={'WHO': 'py'})
assert client.containers.run('pybuilt:1', remove=True) == b'hello py\\n'
client.images.remove('pybuilt:1', force=True)
print('all well')
`
