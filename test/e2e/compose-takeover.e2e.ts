import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/io/clock.ts'
import { execProgram } from '../../src/io/exec.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab } from '../../src/testing/lab/types.ts'
import { findReferenceCompose, isRoot, openComposeHost, sampleImage } from './compose-host.ts'
import type { ComposeHost } from './compose-host.ts'
import type { Seen } from './compose-host.ts'

/** A project goes back and forth between docker-compose 2.40 and ours, and no container is replaced. */

const file = `
services:
  web:
    image: ${sampleImage}
    hostname: shop
    environment: { A: "1", B: , C: "x=y" }
    ports: ["127.0.0.1:18080:80", "9000-9001:9000-9001/udp"]
    expose: ["7000"]
    depends_on: { db: { condition: service_healthy, restart: true }, job: { condition: service_started } }
    networks: { default: { aliases: [www, shop] }, back: { priority: 10 } }
    labels: { role: front }
    extra_hosts: ["far:10.1.2.3"]
    dns: [10.9.9.9]
    cap_drop: [NET_RAW]
    user: "0"
    working_dir: /tmp
    stop_grace_period: 2s
    tmpfs: [/scratch:size=1m]
    restart: unless-stopped
    ulimits: { nofile: { soft: 512, hard: 1024 } }
    deploy: { resources: { limits: { memory: 64m, cpus: "0.5" } } }
    logging: { driver: json-file, options: { max-size: 1m } }
    sysctls: { net.ipv4.ip_forward: 1 }
    init: true
    read_only: true
  db:
    image: ${sampleImage}
    volumes: ["data:/data", "/anonymous", "./conf:/conf:ro"]
    healthcheck: { test: ["CMD", "true"], interval: 1s, timeout: 2s, retries: 3 }
    networks: [back]
    shm_size: 32m
    label_file: [./db.labels]
  sidecar:
    image: ${sampleImage}
    command: ["sleep", "100000"]
    network_mode: "service:db"
    pid: "service:db"
    volumes_from: ["db:ro"]
    init: true
  app: { image: ${sampleImage}, network_mode: bridge, links: [store] }
  store: { image: ${sampleImage}, network_mode: bridge }
  job: { image: ${sampleImage}, command: sleep 100000, scale: 2, init: true, network_mode: none }
networks: { back: { driver_opts: { com.docker.network.bridge.enable_icc: "true" }, labels: { a: b }, ipam: { options: { o: p } } } }
volumes: { data: { labels: { keep: "yes" } } }
`

describe.runIf(isRoot).each(['20.10', '28.5'])('take-over on engine %s (needs root on Linux)', (version) => {
  let running: Lab | undefined
  let host: ComposeHost
  let reference = ''

  beforeAll(async () => {
    reference = await findReferenceCompose()
    running = await lab({ engines: [version], image: true, namePrefix: 'tko' })
    host = await openComposeHost(running.hosts[0]!, version === '20.10' ? 'executable' : 'node')
    await host.write('shop', { 'compose.yaml': file, 'db.labels': 'from=file\n' })
  })

  afterAll(async () => {
    await host?.close()
    await running?.down()
  })

  async function theirs(args: readonly string[]): Promise<void> {
    const cwd = join(host.folder, 'shop')
    const env = { PATH: process.env['PATH'] ?? '', HOME: host.folder, ...host.env }
    const result = await execProgram([reference, ...args], { clock: systemClock, cwd, env })
    expect(result.code, result.stderr).toBe(0)
  }

  async function ours(args: readonly string[]): Promise<void> {
    const result = await host.compose('shop', args)
    expect(result.code, result.stderr).toBe(0)
  }

  const ids = (seen: readonly Seen[]): readonly string[] => seen.map((entry) => `${entry.name} ${entry.id}`)

  it('what ours brought up, theirs keeps; and takes down', async () => {
    await ours(['up', '-d'])
    const before = await host.containers('shop')
    expect(before).toHaveLength(7)
    await theirs(['up', '-d'])
    expect(ids(await host.containers('shop'))).toEqual(ids(before))
    await theirs(['down', '-v', '-t', '1'])
    expect([await host.containers('shop'), await host.resources('shop')]).toEqual([[], []])
  })

  it('what theirs brought up, ours keeps without one change; and takes down', async () => {
    await theirs(['up', '-d'])
    const before = await host.containers('shop')
    expect(await host.changesDuring(() => ours(['up', '-d']))).toEqual([])
    expect(ids(await host.containers('shop'))).toEqual(ids(before))
    await ours(['down', '-v', '-t', '1'])
    expect([await host.containers('shop'), await host.resources('shop')]).toEqual([[], []])
  })

  it('both give a container the same labels', async () => {
    const labels = async (): Promise<unknown> =>
      (await host.containers('shop')).map((entry) => {
        // What refers to containers by ID differs from run to run.
        const {
          'com.docker.compose.config-hash': hash,
          'com.docker.compose.depends_on': on,
          // Ours alone, outside of the hash.
          'flotilla.compose.fields': _fields,
          ...rest
        } = entry.labels
        // The reference program lists dependencies in no order.
        const dependencies = on?.split(',').sort()
        return { name: entry.name, hash: entry.name.includes('sidecar') ? '' : hash, dependencies, ...rest }
      })
    await ours(['up', '-d', '--no-start'])
    const own = await labels()
    await ours(['down', '-v'])
    await theirs(['up', '-d', '--no-start'])
    const other = await labels()
    await theirs(['down', '-v'])
    expect(own).toEqual(other)
  })
})
