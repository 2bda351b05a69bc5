import { join } from 'node:path'
import type { CallOptions } from '../../../core/call.ts'
import type { Clock } from '../../../core/clock.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { execChecked } from '../../../io/exec.ts'
import type { Snapshot, Snapshots } from '../../driver.ts'
import { machineFiles } from './qemu-args.ts'
import { runMonitorCommand } from './qmp.ts'
import { findProcess, monitorPath } from './vm-process.ts'

/** Writing the memory of a machine to its disk. */
const limitMs = 15 * 60_000

/** What `qemu-img info` tells of one. */
interface DiskSnapshot {
  readonly name?: string
  readonly 'vm-state-size'?: number
  readonly 'date-sec'?: number
  readonly 'date-nsec'?: number
}

/**
 * Snapshots inside the disk of the machine in this folder. Of a running machine they are taken and restored by its own
 * process, which alone may touch the disk then.
 */
export function diskSnapshots(folder: string, clock: Clock): Snapshots {
  const disk = join(folder, machineFiles.disk)

  async function list(o: CallOptions): Promise<readonly Snapshot[]> {
    // Reading beside a running process is safe; only writing is not.
    const text = await execChecked(['qemu-img', 'info', '--force-share', '--output=json', disk], { ...o, clock })
    const { snapshots = [] } = JSON.parse(text) as { readonly snapshots?: readonly DiskSnapshot[] }
    return snapshots.map((entry) => ({
      name: entry.name ?? '',
      takenAtMs: (entry['date-sec'] ?? 0) * 1000 + Math.floor((entry['date-nsec'] ?? 0) / 1e6),
      hasMemory: (entry['vm-state-size'] ?? 0) > 0,
    }))
  }

  async function find(name: string, o: CallOptions): Promise<Snapshot | undefined> {
    return (await list(o)).find((entry) => entry.name === name)
  }

  async function require(name: string, o: CallOptions): Promise<Snapshot> {
    const found = await find(name, o)
    if (found !== undefined) return found
    throw new FlotillaError('machine/driver', `there is no snapshot ${JSON.stringify(name)} of the machine`)
  }

  async function act(name: string, online: string, offline: string, o: CallOptions): Promise<void> {
    const limits = { deadlineMs: limitMs, ...o }
    const process = await findProcess(folder)
    if (process === undefined) {
      await execChecked(['qemu-img', 'snapshot', offline, name, disk], { ...limits, clock })
      return
    }
    const line = { 'command-line': `${online} ${name}` }
    const said = await runMonitorCommand(monitorPath(process), 'human-monitor-command', clock, limits, line)
    // This command of the monitor answers in words, and says nothing when all is well.
    if (typeof said !== 'string' || said.trim() === '') return
    throw new FlotillaError('machine/driver', `cannot ${online} snapshot ${JSON.stringify(name)}: ${said.trim()}`)
  }

  return {
    list,
    async take(name, o) {
      checkName(name)
      if ((await find(name, o)) !== undefined) {
        throw new FlotillaError('machine/driver', `there is a snapshot ${JSON.stringify(name)} of the machine already`)
      }
      await act(name, 'savevm', '-c', o)
    },
    async restore(name, o) {
      const { hasMemory } = await require(name, o)
      const isRunning = (await findProcess(folder)) !== undefined
      if (isRunning && !hasMemory) {
        const text = `snapshot ${JSON.stringify(name)} holds the disk of a machine that was off`
        throw new FlotillaError('machine/driver', text, { hint: 'stop the machine first' })
      }
      if (!isRunning && hasMemory) {
        const text = `snapshot ${JSON.stringify(name)} holds the memory of a machine that was running`
        throw new FlotillaError('machine/driver', text, { hint: 'start the machine first' })
      }
      await act(name, 'loadvm', '-a', o)
    },
    async remove(name, o) {
      await require(name, o)
      await act(name, 'delvm', '-d', o)
    },
  }
}

/** The monitor takes its command as one line of words. Numbers alone would be places in its list. */
function checkName(name: string): void {
  if (/^[A-Za-z][A-Za-z0-9_.-]{0,99}$/.test(name)) return
  throw new FlotillaError('machine/driver', `${JSON.stringify(name)} is no name for a snapshot`, {
    hint: 'it starts with a letter and goes on with letters, digits, "_", "." and "-"',
  })
}
