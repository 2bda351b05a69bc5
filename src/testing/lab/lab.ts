import { rm } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { mapLimit } from '../../core/limit.ts'
import { silentLog } from '../../core/log.ts'
import type { Log } from '../../core/log.ts'
import type { CertificatePair } from '../../io/certificates.ts'
import { systemClock } from '../../io/clock.ts'
import { requireHostNeeds } from '../../machine/drivers/local/capabilities.ts'
import { resolveEngineRoot } from '../../machine/debian/engine-tree.ts'
import type { Fleet } from '../../machine/drivers/local/fleet.ts'
import { parseSubnet } from '../../machine/subnet.ts'
import { makeSampleImage } from '../../machine/sample-image.ts'
import { makeAuthority, makeHostPair } from './certificates.ts'
import type { LabAuthority } from './certificates.ts'
import { claimPlace, labRoot, openLabFleet, sweepLabs } from './directory.ts'
import type { LabPlace } from './directory.ts'
import { startLabHost } from './lab-host.ts'
import { loadImage } from './load-image.ts'
import { startRegistry } from './registry-service.ts'
import { startStore } from './store-service.ts'
import type { Lab, LabCertificates, LabHost, LabOptions, LabService, LabStore } from './types.ts'
import { startWatchdog } from './watchdog.ts'
import type { Dismiss } from './watchdog.ts'

/** More hosts than this starting at once only make each other slow. */
const startLimit = Math.max(2, cpus().length * 2)

/**
 * Starts real Docker hosts in Linux namespaces of this machine, ready when it returns. Call `down` in `afterAll`; when
 * the test process ends without, also by SIGKILL, a watchdog takes everything down. What an earlier run left is
 * swept first. Needs root.
 */
export async function lab(options: LabOptions = {}): Promise<Lab> {
  const clock = systemClock
  const root = labRoot(process.env)
  await sweepLabs(root, clock)
  const place = await claimPlace(root)
  await checkMachine(place, clock)
  const fleet = await openLabFleet(place, clock)
  const dismiss = startWatchdog(place.directory, fleet)
  const started = new RunningLab(place, fleet, dismiss, options, clock)
  try {
    await started.start()
    return started
  } catch (error) {
    await started.down()
    throw error
  }
}

/** Fails with what is missing here before anything but a directory is made. */
async function checkMachine(place: LabPlace, clock: Clock): Promise<void> {
  const { directory } = place
  const subnet = parseSubnet(place.subnet)
  try {
    await requireHostNeeds(
      { subnet, directory, cpus: '', directoryVariable: 'FLOTILLA_LAB_DIR', usesMachineEngine: false, clock },
      {},
    )
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

/** Building an engine tree takes a while: whoever waits for the tests should know. */
const noteLog: Log = {
  ...silentLog,
  info: (message) => {
    process.stderr.write(`lab: ${message}\n`)
  },
}

class RunningLab implements Lab {
  readonly #place: LabPlace
  readonly #fleet: Fleet
  readonly #dismiss: Dismiss
  readonly #options: LabOptions
  readonly #clock: Clock
  readonly #hosts: LabHost[] = []
  #authority: LabAuthority | undefined
  #image: Promise<Buffer> | undefined
  readonly #services = new Map<string, Promise<LabService>>()
  #count = 0
  #isDown = false

  constructor(place: LabPlace, fleet: Fleet, dismiss: Dismiss, options: LabOptions, clock: Clock) {
    this.#place = place
    this.#fleet = fleet
    this.#dismiss = dismiss
    this.#options = options
    this.#clock = clock
  }

  get hosts(): readonly LabHost[] {
    return this.#hosts
  }

  get gateway(): string {
    return this.#fleet.gateway
  }

  get subnet(): string {
    return this.#fleet.subnet.cidr
  }

  get certificates(): LabCertificates {
    if (this.#authority === undefined) throw new Error('the lab has not started')
    return this.#authority.client
  }

  async start(): Promise<void> {
    const { hosts, engines = ['20.10'] } = this.#options
    const count = hosts ?? Math.max(1, engines.length)
    const wishes = Array.from({ length: count }, (_, index) => engines[Math.min(index, engines.length - 1)] ?? '20.10')
    this.#authority = await makeAuthority(join(this.#place.directory, 'certs'), this.#clock)
    await this.#fleet.ensureNetwork()
    const roots = new Map<string, string>()
    for (const wish of new Set(wishes)) roots.set(wish, await this.#resolve(wish))
    // Addresses are given in order, so that host 1 has the lowest; only the start is parallel.
    const parts = []
    for (const [index, wish] of wishes.entries()) parts.push(await this.#plan(index, wish, roots.get(wish) ?? '/'))
    this.#hosts.push(...(await mapLimit(parts, startLimit, startLabHost)))
    if (this.#options.image === true && this.#options.systemd !== true)
      await mapLimit(this.#hosts, startLimit, (host) => this.#loadSample(host))
  }

  async addHost(options: { readonly engine?: string; readonly labels?: readonly string[] } = {}): Promise<LabHost> {
    const wish = options.engine ?? this.#hosts.at(-1)?.engine ?? '20.10'
    const parts = await this.#plan(this.#count, wish, await this.#resolve(wish))
    const host = await startLabHost(options.labels === undefined ? parts : { ...parts, labels: options.labels })
    this.#hosts.push(host)
    if (this.#options.image === true) await this.#loadSample(host)
    return host
  }

  async kv(store: LabStore): Promise<LabService> {
    return this.#once(store, () => startStore(store, this.#fleet, this.#place.directory, this.#clock))
  }

  async registry(users = '', { hasTls = false }: { readonly hasTls?: boolean } = {}): Promise<LabService> {
    return this.#once(hasTls ? 'registry-tls' : 'registry', () => this.#startRegistry(users, hasTls))
  }

  async #startRegistry(users: string, hasTls: boolean): Promise<LabService> {
    const authority = this.#authority
    if (authority === undefined) throw new Error('the lab has not started')
    const pair = (ip: string): Promise<CertificatePair> => makeHostPair(authority, 'registry', ip, this.#clock)
    const plan = { users, ...(hasTls && { tls: { ca: authority.pair.cert, pair } }) }
    return startRegistry(plan, this.#fleet, this.#place.directory, this.#clock)
  }

  async down(): Promise<void> {
    if (this.#isDown) return
    this.#isDown = true
    await this.#fleet.takeDown()
    this.#dismiss()
  }

  /** A lab has one server of a kind, on its usual port. */
  #once(name: string, start: () => Promise<LabService>): Promise<LabService> {
    const service = this.#services.get(name) ?? start()
    this.#services.set(name, service)
    return service
  }

  async #resolve(wish: string): Promise<string> {
    return resolveEngineRoot(wish, {
      clock: this.#clock,
      log: noteLog,
      env: process.env,
      hasSystemd: this.#options.systemd === true,
    })
  }

  async #plan(index: number, wish: string, engineRoot: string): Promise<Parameters<typeof startLabHost>[0]> {
    if (this.#authority === undefined) throw new Error('the lab has not started')
    this.#count = Math.max(this.#count, index + 1)
    const { namePrefix = 'node', labels = [], memoryBytes, cpus: cpuList, engineArgs = [] } = this.#options
    const memory = typeof memoryBytes === 'function' ? memoryBytes(index) : memoryBytes
    const cpuset = typeof cpuList === 'function' ? cpuList(index) : cpuList
    const host = await this.#fleet.addHost({
      name: `${namePrefix}${index + 1}`,
      engineRoot,
      hasSystemd: this.#options.systemd === true,
      ...(memory === undefined ? {} : { memoryBytes: memory }),
      ...(cpuset === undefined ? {} : { cpus: cpuset }),
    })
    return {
      host,
      engine: wish,
      authority: this.#authority,
      labels: typeof labels === 'function' ? labels(index) : labels,
      engineArgs: typeof engineArgs === 'function' ? engineArgs(index) : engineArgs,
      clock: this.#clock,
    }
  }

  async #loadSample(host: LabHost): Promise<void> {
    this.#image ??= makeSampleImage(this.#clock)
    await loadImage(host.socketPath, await this.#image)
  }
}
