import process from 'node:process'
import { silentLog } from '../../src/core/log.ts'
import { nodes } from '../../src/cluster/discovery/nodes.ts'
import { startEndpoint } from '../../src/cluster/endpoint.ts'
import type { RunningEndpoint } from '../../src/cluster/endpoint.ts'
import { defaultFilters } from '../../src/cluster/filters/default-filters.ts'
import { spreadStrategy } from '../../src/cluster/strategies/spread.ts'
import { systemClock } from '../../src/io/clock.ts'
import { execProgram } from '../../src/io/exec.ts'
import { systemRandom } from '../../src/io/random.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import type { Row } from './bench.ts'

/**
 * An image of 256 MiB from one real engine to another: a create that copies it, against `docker save | docker load`
 * between the same two over TLS. And the bytes that a child image costs where its base is there.
 */

const megabytes = 256
const rounds = 2

export async function run(): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) return []
  const running = await lab({ engines: ['20.10', '28.5'], image: true, namePrefix: 'img' })
  const lines: string[] = []
  let endpoint: RunningEndpoint | undefined
  try {
    const bytes = megabytes * 2 ** 20
    const make = `truncate -s ${bytes} /tmp/zeros && tar -cf - -C /tmp zeros | docker import - big:1`
    await inHost(running, 0, make)
    endpoint = await open(running, lines)
    const direct: number[] = []
    const copied: number[] = []
    let cpuMs = Number.POSITIVE_INFINITY
    for (let round = 0; round < rounds; round += 1) {
      direct.push(await time(() => saveAndLoad(running, 'big:1')))
      await inHost(running, 1, 'docker rmi -f big:1')
      const before = process.cpuUsage()
      copied.push(await time(() => create(endpoint, 'big:1')))
      const { user, system } = process.cpuUsage(before)
      cpuMs = Math.min(cpuMs, (user + system) / 1000)
      await inHost(running, 1, 'docker rm -f bench-big; docker rmi -f big:1')
    }
    const value = megabytes / (Math.min(...copied) / 1000)
    const yardstick = megabytes / (Math.min(...direct) / 1000)
    const child =
      'head -c 300000 /dev/urandom > /tmp/r && docker create --name make flotilla/sample true && docker cp /tmp/r make:/r && docker commit make child:1'
    await inHost(running, 0, child)
    await time(() => create(endpoint, 'child:1'))
    const sent = Number(/bytes=(\d+)/.exec(lines.at(-1) ?? '')?.[1] ?? 'NaN')
    return [
      {
        name: `image of ${megabytes} MiB copied between nodes for a create`,
        value,
        unit: 'MiB/s',
        against: { name: 'docker save | docker load', value: yardstick, ratio: value / yardstick },
        mark: 'at least 0.8 ×',
      },
      { name: 'manager CPU for it, TLS on both sides', value: cpuMs / megabytes, unit: 'ms/MiB', mark: 'below 8' },
      { name: 'sent for a layer of 300 kB on a base of 4.4 MB', value: sent / 1000, unit: 'kB', mark: 'below 400' },
    ]
  } finally {
    endpoint?.closeNow()
    await running.down()
  }
}

async function open(running: Lab, lines: string[]): Promise<RunningEndpoint> {
  const addresses = running.hosts.map((host) => host.address).join(',')
  const { ca, cert, key } = running.certificates
  const log = { ...silentLog, info: (message: string, fields: object = {}) => note(lines, message, fields) }
  const endpoint = await startEndpoint({
    discovery: nodes(addresses, { clock: systemClock, log: silentLog, heartbeatMs: 1000, options: new Map() }),
    listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    engineTls: { ca, cert, key, isVerified: true },
    policy: { filters: defaultFilters, strategy: spreadStrategy },
    clock: systemClock,
    random: systemRandom,
    log,
  })
  while (endpoint.cluster.healthyMembers().length < running.hosts.length) await systemClock.sleep(50)
  await systemClock.sleep(1000)
  return endpoint
}

function note(lines: string[], message: string, fields: object): void {
  if (message === 'image copied')
    lines.push(
      Object.entries(fields)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
    )
}

async function create(endpoint: RunningEndpoint | undefined, image: string): Promise<void> {
  const url = (endpoint?.addresses[0] ?? '').replace('tcp:', 'http:')
  const reply = await fetch(`${url}/containers/create?name=bench-${image.split(':')[0]}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ Image: image, Cmd: ['true'], Env: ['constraint:node==img2'] }),
  })
  if (reply.status !== 201) throw new Error(`create: ${reply.status} ${await reply.text()}`)
}

async function saveAndLoad(running: Lab, image: string): Promise<void> {
  const [from, to] = running.hosts
  const tls = `--tlsverify --tlscacert ${running.certificates.directory}/ca.pem --tlscert ${running.certificates.directory}/cert.pem --tlskey ${running.certificates.directory}/key.pem`
  const line = `docker ${tls} -H ${from?.url} save ${image} | docker ${tls} -H ${to?.url} load`
  const result = await execProgram(['sh', '-c', line], { clock: systemClock })
  if (result.code !== 0) throw new Error(result.stderr)
}

async function inHost(running: Lab, index: number, line: string): Promise<void> {
  const result = await running.hosts[index]?.exec(['sh', '-c', line], { timeoutMs: 120_000 })
  if (result?.code !== 0) throw new Error(`${line}: ${result?.stderr}`)
}

async function time(body: () => Promise<void>): Promise<number> {
  const startMs = performance.now()
  await body()
  return performance.now() - startMs
}
