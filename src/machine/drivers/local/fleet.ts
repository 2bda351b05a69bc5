import { createHash } from 'node:crypto'
import { readdir, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { FlotillaError, joinFailures } from '../../../core/errors.ts'
import type { NamedFailure } from '../../../core/errors.ts'
import { settleLimit } from '../../../core/limit.ts'
import { startDetached } from '../../../io/detached.ts'
import type { DetachedOptions } from '../../../io/detached.ts'
import type { ProgramWords } from '../../../io/exec.ts'
import { codeOf, makeFolder, pathExists, readTextFile } from '../../../io/files.ts'
import { withLock } from '../../../io/lock.ts'
import { createGroup, groupDirectories, readCgroupLayout, removeEmptyParents, removeGroup } from './cgroup.ts'
import type { CgroupLayout } from './cgroup-layout.ts'
import { claimAddress } from './address-claim.ts'
import { renderJoin } from './host-script.ts'
import { readHostRecord, writeHostRecord } from './host-record.ts'
import type { HostRecord } from './host-record.ts'
import { NamespaceHost } from './namespace-host.ts'
import { ensureNat, removeNat } from './nat.ts'
import { readIdentity } from '../../../io/process-identity.ts'
import type { ProcessIdentity } from '../../../io/process-identity.ts'
import { removeEmptyFolders, writeRecord } from './state-file.ts'
import { isHostAddress, parseSubnet, toHex, toNumber } from '../../subnet.ts'
import type { Subnet } from '../../subnet.ts'
import { ensureSwitch, readSwitchPid, removeSwitch } from './switch.ts'
import type { SwitchPlace } from './switch.ts'

/** A directory without a record is younger than this when its host is just being made. */
const stubMs = 60_000

export interface FleetOptions {
  /** All that the fleet keeps: records, disks, logs. One directory per subnet; on a file system that can hold an overlay's upper layer. */
  readonly directory: string
  /** `A.B.C.D/N`; no other fleet of the machine may use it. */
  readonly subnet: string
  /** Let hosts reach other networks in the machine's name. */
  readonly hasNat: boolean
  readonly clock: Clock
}

/** A host to be made; it gets the first free address unless it asks for one. */
export type NewHost = Omit<HostRecord, 'version' | 'address' | 'first' | 'hasRoute' | 'nameservers'> & {
  readonly address?: string
  readonly nameservers?: readonly string[]
}

/** Hosts of one machine that share a switch and a subnet. Several processes may work on one fleet. */
export class Fleet {
  readonly subnet: Subnet
  readonly #o: FleetOptions
  readonly #layout: CgroupLayout

  constructor(options: FleetOptions, layout: CgroupLayout) {
    this.subnet = parseSubnet(options.subnet)
    this.#o = options
    this.#layout = layout
  }

  /** The machine's own address in the fleet's network. */
  get gateway(): string {
    return this.subnet.gateway
  }

  /**
   * Takes an address and writes the record of a host that is off.
   *
   * @throws {machine/driver} when the wanted address is taken or none is left
   */
  async addHost(host: NewHost): Promise<NamespaceHost> {
    const { address: wanted, ...rest } = host
    const address = await claimAddress(join(this.#o.directory, 'hosts'), this.subnet, wanted)
    const record: HostRecord = { nameservers: [], ...rest, version: 1, address, hasRoute: this.#o.hasNat }
    await writeHostRecord(this.#hostDirectory(address), record)
    return new NamespaceHost(this.#place(address), record)
  }

  /** The host at an address, `undefined` when there is none. */
  async findHost(address: string): Promise<NamespaceHost | undefined> {
    const record = await readHostRecord(this.#hostDirectory(address))
    return record === undefined ? undefined : new NamespaceHost(this.#place(address), record)
  }

  /** Addresses taken, ascending; also by hosts whose making was cut off. */
  async listAddresses(): Promise<readonly string[]> {
    const names = await readdir(join(this.#o.directory, 'hosts')).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return []
      throw error
    })
    return names.filter((name) => isHostAddress(this.subnet, name)).sort((a, b) => toNumber(a) - toNumber(b))
  }

  /** Makes the network unless it is there. `powerOn` of a host does it by itself. */
  async ensureNetwork(o: CallOptions = {}): Promise<number> {
    return this.#locked(o, async () => {
      const before = await this.findSwitch()
      const pid = await ensureSwitch(this.#switchPlace(), o)
      // The cables went with the switch that was there.
      if (pid !== before) await this.#plugRunning(pid, o)
      if (this.#o.hasNat) {
        // Not every user of the fleet wants it; whoever takes the network down must know that it is there.
        await writeRecord(this.#natPath, {})
        await ensureNat(this.subnet, this.#o.clock)
      }
      return pid
    })
  }

  async #plugRunning(switchPid: number, o: CallOptions): Promise<void> {
    for (const address of await this.listAddresses()) await (await this.findHost(address))?.replug(switchPid, o)
  }

  /** Process number of the running switch. */
  async findSwitch(): Promise<number | undefined> {
    return readSwitchPid(this.#switchPlace())
  }

  /**
   * Starts a program beside the hosts, in the machine's own network, where it can listen on the gateway address. It
   * ends with the fleet.
   */
  async startService(words: ProgramWords, o: Omit<DetachedOptions, 'clock'>): Promise<ProcessIdentity> {
    const pid = await startDetached(['sh', '-c', renderJoin(await this.serviceGroups(), words)], {
      ...o,
      clock: this.#o.clock,
    })
    const identity = await readIdentity(pid)
    if (identity !== undefined) return identity
    const said = ((await readTextFile(o.logPath)) ?? '').trim().split('\n').slice(-5).join('\n')
    throw new FlotillaError('io/exec', `${words[0]} ended at once: ${said}`)
  }

  /** The groups of programs beside the hosts, made if need be. */
  async serviceGroups(): Promise<readonly string[]> {
    const name = `${this.#groupName}/services`
    await createGroup(this.#layout, name)
    return groupDirectories(this.#layout, name)
  }

  /** Directories of all cgroups of the fleet, one per hierarchy. Whatever runs for the fleet is in or below them. */
  get groups(): readonly string[] {
    return groupDirectories(this.#layout, this.#groupName)
  }

  /** Removes the network and the fleet's own directory when no host is left. */
  async removeIfEmpty(): Promise<void> {
    if (!(await pathExists(this.#o.directory))) return
    await this.#locked({}, async () => {
      await this.#removeStubs()
      if ((await this.listAddresses()).length > 0) return
      await this.#removeNetwork()
      // Works only while it is empty: another process may be taking an address right now.
      await rmdir(join(this.#o.directory, 'hosts')).catch(() => undefined)
    })
    await removeEmptyFolders(this.#o.directory)
  }

  /**
   * Removes every host and the network, also what a crashed run left half made. Goes on after a failure.
   *
   * @throws {machine/state} listing what could not be removed
   */
  async takeDown(): Promise<void> {
    const failures: NamedFailure[] = []
    const addresses = await this.listAddresses()
    const results = await settleLimit(addresses, 4, async (address) => this.#removeHost(address))
    for (const result of results) {
      if (result.kind === 'failed') failures.push({ name: `host ${result.item}`, error: result.error })
    }
    try {
      await this.#removeNetwork()
      await removeGroup(this.#layout, this.#groupName, this.#o.clock)
      await removeEmptyParents(this.#layout, this.#groupName)
    } catch (error) {
      failures.push({ name: 'network', error })
    }
    if (failures.length > 0) throw joinFailures('machine/state', failures)
    await this.#removeDirectory()
  }

  async #removeHost(address: string): Promise<void> {
    const directory = this.#hostDirectory(address)
    // A record cut off in the middle must not keep its host alive: all that is needed follows from the address.
    const record = await readHostRecord(directory).catch(() => undefined)
    const stand: HostRecord = { version: 1, name: address, address, engineRoot: '/', nameservers: [], hasRoute: false }
    await new NamespaceHost(this.#place(address), record ?? stand).remove()
  }

  /** Addresses that were taken by a process that ended before it wrote the record. */
  async #removeStubs(): Promise<void> {
    for (const address of await this.listAddresses()) {
      const directory = this.#hostDirectory(address)
      if (await pathExists(join(directory, 'host.json'))) continue
      // Another process may be removing it right now.
      const changedMs = (await stat(directory).catch(() => undefined))?.mtimeMs
      if (changedMs === undefined || this.#o.clock.nowMs() - changedMs < stubMs) continue
      await this.#removeHost(address)
    }
  }

  async #removeNetwork(): Promise<void> {
    if (await pathExists(this.#natPath)) await removeNat(this.subnet, this.#o.clock)
    await rm(this.#natPath, { force: true })
    await removeSwitch(this.#switchPlace())
    await removeEmptyParents(this.#layout, this.#groupName)
  }

  async #removeDirectory(): Promise<void> {
    await rm(this.#o.directory, { recursive: true, force: true, maxRetries: 10 })
    await removeEmptyFolders(this.#o.directory)
  }

  async #locked<T>(o: CallOptions, body: () => Promise<T>): Promise<T> {
    const wait = { clock: this.#o.clock, waitMs: 60_000, subject: `the network ${this.subnet.cidr}` }
    const options = o.signal === undefined ? wait : { ...wait, signal: o.signal }
    for (;;) {
      await makeFolder(this.#o.directory, 0o711)
      let isEntered = false
      try {
        return await withLock(join(this.#o.directory, 'lock'), options, () => {
          isEntered = true
          return body()
        })
      } catch (error) {
        // Whoever has removed the last host takes the directory away, and another may have made it anew since.
        if (isEntered || !(error instanceof Error) || codeOf(error.cause) !== 'ENOENT') throw error
      }
    }
  }

  #hostDirectory(address: string): string {
    return join(this.#o.directory, 'hosts', address)
  }

  get #natPath(): string {
    return join(this.#o.directory, 'nat.json')
  }

  /** Never that of a fleet whose records are elsewhere, even if it claims the same subnet. */
  get #groupName(): string {
    const place = createHash('sha256').update(this.#o.directory).digest('hex').slice(0, 8)
    return `${toHex(this.subnet.gateway)}-${place}`
  }

  #switchPlace(): SwitchPlace {
    return {
      directory: this.#o.directory,
      subnet: this.subnet,
      layout: this.#layout,
      groupName: `${this.#groupName}/switch`,
      clock: this.#o.clock,
    }
  }

  #place(address: string): NamespaceHost['place'] {
    return {
      directory: this.#hostDirectory(address),
      subnet: this.subnet,
      layout: this.#layout,
      groupName: `${this.#groupName}/${toHex(address)}`,
      clock: this.#o.clock,
      ensureSwitch: (o) => this.ensureNetwork(o),
      findSwitch: () => this.findSwitch(),
    }
  }
}

/**
 * Opens a fleet; nothing is made until a host is.
 *
 * @throws {cli/invalid-value} for a subnet that cannot be used
 * @throws {platform/missing} when the machine has no cgroups
 */
export async function openFleet(options: FleetOptions): Promise<Fleet> {
  return new Fleet(options, await readCgroupLayout())
}
