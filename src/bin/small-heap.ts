import type NodeProcess from 'node:process'

/**
 * Takes the size of the machine's memory for this, in bytes: half of that and more in use, the heap grows by a quarter
 * before it is collected, and not, as with gigabytes to spare, to twice of what is in use. No limit: a heap that needs
 * more gets it. Measured in docs/decisions/0044-the-executables-heap.md.
 */
const supposedMemoryBytes = 250_000_000
const setting = 'BUN_JSC_forceRAMSize'

type Process = Pick<typeof NodeProcess, 'argv' | 'argv0' | 'env' | 'execPath' | 'platform'> & {
  readonly versions: Readonly<Record<string, string | undefined>>
}

/**
 * Starts a cluster's manager once more in the place of itself, same process ID and all, with a heap that is kept small.
 *
 * The single-file executable only: its JavaScript engine reads such settings where it starts and nowhere later. Where that
 * cannot be done the manager runs as it is, only larger.
 *
 * @returns when there was nothing to do, or nothing could be done
 */
export function keepManagersHeapSmall(process: Process): void {
  if (process.versions['bun'] === undefined || process.platform === 'win32' || !isManager(process)) return
  const known = process.env[setting]
  // Not handed on: the programs that a manager starts are no managers.
  delete process.env[setting]
  if (known !== undefined) return
  const execve: unknown = Reflect.get(process, 'execve')
  if (typeof execve !== 'function') return
  const args = [process.argv0, ...process.argv.slice(2)]
  try {
    execve.call(process, process.execPath, args, { ...process.env, [setting]: String(supposedMemoryBytes) })
  } catch {
    // An executable that was taken away since it was started, for instance.
  }
}

/** Whether this is `swarm manage` or `flotilla swarm manage`, without reading flags: others start once more at most. */
function isManager({ argv, argv0 }: Process): boolean {
  const words = argv.slice(2)
  const isSwarm = /(?:^|[\\/])swarm$/.test(argv0) || words[0] === 'swarm'
  return isSwarm && (words.includes('manage') || words.includes('m'))
}
