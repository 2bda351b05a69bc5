import { mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../core/clock.ts'
import { FlotillaError, toMessage } from '../../../core/errors.ts'
import { fileReason } from '../../../core/file-reason.ts'
import { parseCgroupLayout } from './cgroup-layout.ts'
import type { CgroupLayout } from './cgroup-layout.ts'
import { pollUntil, sendSignal } from '../../../io/process-identity.ts'

/** Top directory of all that this program makes in any hierarchy. */
const prefix = 'flotilla'

/** What a host may use, beyond being counted and frozen as one. */
export interface CgroupLimits {
  /** CPU list in kernel notation. Also what the engine reports as its number of CPUs. */
  readonly cpus?: string
}

/** @throws {platform/missing} when this is not Linux, or no cgroup hierarchy is mounted */
export async function readCgroupLayout(): Promise<CgroupLayout> {
  if (process.platform !== 'linux') {
    throw new FlotillaError('platform/missing', `hosts in namespaces need Linux, and this is ${process.platform}`)
  }
  const layout = parseCgroupLayout(
    await readFile('/proc/self/mountinfo', 'utf8'),
    await readFile('/proc/self/cgroup', 'utf8'),
  )
  if (layout.hierarchies.length === 0) {
    throw new FlotillaError('platform/missing', 'no cgroup hierarchy is mounted on this machine', {
      hint: 'mount cgroup2 on /sys/fs/cgroup, or give this container access to the cgroups of its machine',
    })
  }
  return layout
}

/** The group called `name` (`<fleet>/<host>`) in every hierarchy; nothing is made. */
export function groupDirectories(layout: CgroupLayout, name: string): readonly string[] {
  return layout.hierarchies.map((hierarchy) => join(hierarchy.mountPoint, prefix, name))
}

/** Makes the group and the ones above it, and sets its limits. Idempotent. */
export async function createGroup(layout: CgroupLayout, name: string, limits: CgroupLimits = {}): Promise<void> {
  for (const hierarchy of layout.hierarchies) {
    const isCpuset = hierarchy.controllers.split(',').includes('cpuset')
    let directory = hierarchy.mountPoint
    for (const part of [prefix, ...name.split('/')]) {
      if (layout.version === 2) await delegateControllers(directory)
      const parent = directory
      directory = join(parent, part)
      await mkdir(directory, { recursive: true })
      if (isCpuset) await inheritCpuset(parent, directory)
    }
    if (limits.cpus !== undefined && (isCpuset || layout.version === 2)) {
      await writeControl(join(directory, 'cpuset.cpus'), limits.cpus)
    }
    // Engines need a group without processes above their containers' groups.
    if (layout.version === 2) await mkdir(join(directory, 'init'), { recursive: true })
  }
}

/** A new group of version 1 has no CPUs and no memory nodes, and then no process can enter. */
async function inheritCpuset(parent: string, directory: string): Promise<void> {
  await writeControl(join(directory, 'cgroup.clone_children'), '1')
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const current = await readFile(join(directory, file), 'latin1')
    if (current.trim() === '') await writeControl(join(directory, file), await readFile(join(parent, file), 'latin1'))
  }
}

/** Groups a process of the host must enter before it enters the host's namespaces. */
export function joinDirectories(layout: CgroupLayout, name: string): readonly string[] {
  const directories = groupDirectories(layout, name)
  return layout.version === 2 ? directories.map((directory) => join(directory, 'init')) : directories
}

/**
 * Version 2 only: moves the host's first processes below its top group, which hands controllers on to
 * the groups of its containers and so may hold no process itself.
 */
export async function settleGroup(layout: CgroupLayout, name: string): Promise<void> {
  if (layout.version === 1) return
  for (const directory of groupDirectories(layout, name)) {
    const text = await readFile(join(directory, 'cgroup.procs'), 'latin1')
    for (const pid of text.split('\n').filter(Boolean)) {
      await writeFile(join(directory, 'init', 'cgroup.procs'), pid).catch(() => undefined)
    }
    await delegateControllers(directory)
  }
}

/** Version 2 gives a controller to children only where the parent says so; some cannot be given, and that is fine. */
async function delegateControllers(directory: string): Promise<void> {
  const available = await readFile(join(directory, 'cgroup.controllers'), 'latin1')
  for (const controller of available.trim().split(/\s+/).filter(Boolean)) {
    await writeFile(join(directory, 'cgroup.subtree_control'), `+${controller}`).catch(() => undefined)
  }
}

async function writeControl(path: string, value: string): Promise<void> {
  try {
    await writeFile(path, value.trim())
  } catch (error) {
    throw new FlotillaError('io/file', `cannot write "${value.trim()}" to ${path}: ${fileReason(error)}`, {
      cause: error,
    })
  }
}

/** Stops (or lets go on) every process of the group at once, and waits until it is so. */
export async function setFrozen(layout: CgroupLayout, name: string, isFrozen: boolean, clock: Clock): Promise<void> {
  const control = findFreezer(layout, name)
  await writeControl(control.path, isFrozen ? control.frozen : control.thawed)
  const isDone = async (): Promise<boolean> => (await readFreezer(control)) === isFrozen
  if (!(await pollUntil(isDone, 10_000, clock))) {
    const wanted = isFrozen ? 'freeze' : 'thaw'
    throw new FlotillaError('machine/state', `processes of ${name} did not ${wanted} within 10 s`)
  }
}

/** True when all processes of the group are stopped by the freezer. A group that does not exist is not frozen. */
export async function isFrozen(layout: CgroupLayout, name: string): Promise<boolean> {
  return readFreezer(findFreezer(layout, name)).catch(() => false)
}

interface FreezerControl {
  readonly path: string
  readonly frozen: string
  readonly thawed: string
  /** Where the kernel says how far it is. */
  readonly statePath: string
  readonly stateWhenFrozen: string
}

function findFreezer(layout: CgroupLayout, name: string): FreezerControl {
  const hierarchy =
    layout.version === 2
      ? layout.hierarchies[0]
      : layout.hierarchies.find((entry) => entry.controllers.split(',').includes('freezer'))
  if (hierarchy === undefined) {
    throw new FlotillaError('platform/missing', 'the cgroup controller "freezer" is missing on this machine')
  }
  const directory = join(hierarchy.mountPoint, prefix, name)
  if (layout.version === 2) {
    const [path, statePath] = [join(directory, 'cgroup.freeze'), join(directory, 'cgroup.events')]
    return { path, frozen: '1', thawed: '0', statePath, stateWhenFrozen: 'frozen 1' }
  }
  const path = join(directory, 'freezer.state')
  return { path, frozen: 'FROZEN', thawed: 'THAWED', statePath: path, stateWhenFrozen: 'FROZEN' }
}

async function readFreezer(control: FreezerControl): Promise<boolean> {
  return (await readFile(control.statePath, 'latin1')).includes(control.stateWhenFrozen)
}

/** Process numbers of everybody in the group and the groups below it, in any hierarchy. */
async function readGroupProcesses(layout: CgroupLayout, name: string): Promise<readonly number[]> {
  const found = new Set<number>()
  for (const directory of groupDirectories(layout, name)) {
    for (const group of await listGroups(directory)) {
      const text = await readFile(join(group, 'cgroup.procs'), 'latin1').catch(() => '')
      for (const line of text.split('\n')) if (line !== '' && line !== '0') found.add(Number(line))
    }
  }
  return [...found]
}

/**
 * Kills what is left in the group and removes it from every hierarchy. The kernel counts exiting
 * processes for a while, so this waits up to `limitMs`.
 *
 * @throws {machine/state} naming what could not be removed
 */
export async function removeGroup(layout: CgroupLayout, name: string, clock: Clock, limitMs = 10_000): Promise<void> {
  let problem = ''
  // A frozen process does not even die.
  await setFrozen(layout, name, false, clock).catch(() => undefined)
  async function isGone(): Promise<boolean> {
    for (const pid of await readGroupProcesses(layout, name)) sendSignal(pid, 'SIGKILL')
    problem = ''
    for (const directory of groupDirectories(layout, name)) {
      for (const group of (await listGroups(directory)).toReversed()) {
        await rmdir(group).catch((error: unknown) => {
          if (!isAbsent(error)) problem = toMessage(error)
        })
      }
    }
    return problem === ''
  }
  if (!(await pollUntil(isGone, limitMs, clock))) {
    throw new FlotillaError('machine/state', `cannot remove the cgroups of ${name}: ${problem}`)
  }
}

/** Removes the directories above the hosts' groups where they are empty. */
export async function removeEmptyParents(layout: CgroupLayout, fleetName: string): Promise<void> {
  for (const name of [fleetName, '']) {
    for (const directory of groupDirectories(layout, name)) await rmdir(directory).catch(() => undefined)
  }
}

/** The group and all below it, parents first. */
async function listGroups(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    if (isAbsent(error)) return undefined
    throw error
  })
  if (entries === undefined) return []
  const found = [directory]
  for (const entry of entries) if (entry.isDirectory()) found.push(...(await listGroups(join(directory, entry.name))))
  return found
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENODEV')
}
