import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { GenericContainer, Network, Wait } from 'testcontainers'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { isRoot } from './compose-host.ts'
import { dockerClis, eventually, startCluster } from './swarm-cluster.ts'
import type { TestCluster } from './swarm-cluster.ts'

/** Ports of containers on several real engines, answered at the endpoint's own machine: `--cluster-opt swarm.ports=forward`. */

const image = 'flotilla/sample:latest'
const cli = dockerClis[0]?.path ?? 'docker'

describe.runIf(isRoot)('published ports at the endpoint (needs root on Linux)', () => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await startCluster({ engines: ['20.10', '28.5'], namePrefix: 'prt' }, [
      '--cluster-opt',
      'swarm.ports=forward',
    ])
  })
  afterAll(async () => {
    await cluster?.down()
  })
  afterEach(async () => {
    await cluster.shell(cli, '$D ps -aq | xargs -r $D rm -fv; true')
  })

  async function ok(line: string): Promise<string> {
    const result = await cluster.shell(cli, line)
    expect(result.code, `${line}\n${result.stdout}${result.stderr}`).toBe(0)
    return result.stdout
  }

  /** What a web server answers, with the container that answers in it. */
  const serve = (text: string): string =>
    `'while :; do printf "HTTP/1.0 200 OK\\r\\n\\r\\n${text}" | nc -l -p 80; done'`

  it('a port of a container on another machine answers on this one as soon as docker run is done', async () => {
    await ok(`$D run -d --name web -p 18080:80 -e constraint:node==prt2 $I`)
    expect(await ok("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:18080/")).toMatch(/^[1-5]\d\d$/)
    await ok('$D rm -f web')
    await eventually(
      async () => (await cluster.shell(cli, 'curl -s http://127.0.0.1:18080/')).code === 7,
      5000,
      'the end of the forwarding',
    )
  })

  it('the same port of two nodes takes turns, and passes by the one that has stopped', async () => {
    for (const n of [1, 2])
      await ok(`$D run -d --name w${n} -p 18081:80 -e constraint:node==prt${n} $I sh -c ${serve(`from${n}`)}`)
    const ask = async (): Promise<string> =>
      (await cluster.shell(cli, 'curl -s --retry 5 --retry-all-errors --retry-delay 0 http://127.0.0.1:18081/')).stdout
    const seen = new Set<string>()
    await eventually(async () => seen.add(await ask()).size === 2, 20_000, 'both')
    expect(seen).toEqual(new Set(['from1', 'from2']))
    await cluster.node(0).docker(['kill', 'w1'])
    for (let times = 0; times < 4; times += 1) expect(await ask()).toBe('from2')
  })

  it('ports that are left open never collide between nodes', async () => {
    await ok('for n in 1 2; do $D run -d --name o$n -p 80 -e constraint:node==prt$n $I; done')
    const numbers = (await ok('for n in 1 2; do $D port o$n 80; done'))
      .trim()
      .split('\n')
      .map((each) => Number(each.split(':').pop()))
    expect(new Set(numbers).size).toBe(2)
    for (const number of numbers) {
      expect(number).toBeGreaterThanOrEqual(61_000)
      expect(await ok(`curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:${number}/`)).toMatch(/^[1-5]\d\d$/)
    }
  })

  it('UDP goes to the container as TCP does', async () => {
    // The image has no server of UDP; the system of the node has Perl.
    const echo =
      'use IO::Socket; $s = IO::Socket::INET->new(Proto => "udp", LocalPort => 53) or die; while (1) { $s->recv($m, 99); $s->send("got $m") }'
    await ok(
      `$D run -d --name dns -p 15353:53/udp -v /:/node:ro -e constraint:node==prt1 $I chroot /node perl -e '${echo}'`,
    )
    const client = createSocket('udp4')
    const timer = setInterval(() => client.send('ping', 15_353, '127.0.0.1'), 300)
    try {
      const [packet] = (await once(client, 'message')) as [Buffer]
      expect(packet.toString()).toBe('got ping')
    } finally {
      clearInterval(timer)
      client.close()
    }
  })

  it('Testcontainers: waits for its ports, talks to them, and cleans up', async () => {
    // Its reaper is an image of its own, which a machine without a registry does not have.
    process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true'
    process.env['DOCKER_HOST'] = cluster.host
    // In a container it would look for a way out to the host of the socket, by an image from a registry.
    process.env['TESTCONTAINERS_HOST_OVERRIDE'] = 'localhost'
    const network = await new Network().start()
    const containers = await Promise.all(
      [1, 2].map((n) =>
        new GenericContainer(image)
          .withExposedPorts(80)
          .withEnvironment({ N: String(n) })
          .withLabels({ 'com.docker.swarm.constraints': JSON.stringify([`node==prt${n}`]) })
          .withWaitStrategy(Wait.forListeningPorts())
          .start(),
      ),
    )
    for (const [index, container] of containers.entries()) {
      const reply = await fetch(`http://${container.getHost()}:${container.getMappedPort(80)}/`)
      expect(reply.status).toBeGreaterThan(0)
      expect((await container.exec(['sh', '-c', 'echo $N'])).output.trim()).toBe(String(index + 1))
    }
    await Promise.all(containers.map((container) => container.stop()))
    await network.stop()
    expect(await ok('$D ps -aq')).toBe('')
  })

  it('a reaper as Testcontainers starts it has a node’s socket, and is told by its port what to remove', async () => {
    // Says what it was told; the true one acts on it. It is reached as Testcontainers reaches it.
    const wait = 'while :; do nc -l -p 8080 -e sh -c "read filters; echo ACK; echo \\$filters > /told"; done'
    const socket = '-v /var/run/docker.sock:/var/run/docker.sock'
    await ok(`$D run -d --name reaper ${socket} -p 8080 ${image} sh -c '[ -S /var/run/docker.sock ] && ${wait}'`)
    const port = Number((await ok('$D port reaper 8080')).trim().split(':').at(-1))
    const filters = 'label=org.testcontainers.sessionId=abc&label=org.testcontainers=true'
    await eventually(
      async () => {
        const client = connect(port, '127.0.0.1')
        client.on('error', () => undefined)
        client.write(`${filters}\n`)
        let told = ''
        client.on('data', (chunk: Buffer) => (told += chunk.toString()))
        await new Promise((resolve) => client.once('close', resolve))
        return told === 'ACK\n'
      },
      20_000,
      'an answer of the reaper',
    )
    expect(await ok('$D exec reaper cat /told')).toBe(`${filters}\n`)
    await ok('$D rm -f reaper')
  })
})
