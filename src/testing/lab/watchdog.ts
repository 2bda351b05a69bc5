import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { quoteShell } from '../../core/shell-quote.ts'
import type { Fleet } from '../../machine/drivers/local/fleet.ts'
import { toInterfaceName } from '../../machine/subnet.ts'

/**
 * Pure: a shell program that reads until its input ends. The word `down` before that means that all is taken
 * down already; otherwise it does so itself. Everything of a lab is in its cgroups, so no list is needed.
 */
export function renderWatchdog(directory: string, groups: readonly string[], gateway: string): string {
  const all = groups.map(quoteShell).join(' ')
  return [
    'if read -r word && [ "$word" = down ]; then exit 0; fi',
    `directory=${quoteShell(directory)}`,
    // A frozen process does not even die.
    `find ${all} -name freezer.state -exec sh -c 'echo THAWED > "$1"' sh {} \\; 2> /dev/null`,
    `find ${all} -name cgroup.freeze -exec sh -c 'echo 0 > "$1"' sh {} \\; 2> /dev/null`,
    'n=0',
    'while [ "$n" -lt 200 ]; do',
    `  groups=$(find ${all} -depth -type d 2> /dev/null)`,
    '  [ -n "$groups" ] || break',
    '  for group in $groups; do',
    '    for pid in $(cat "$group/cgroup.procs" 2> /dev/null); do kill -9 "$pid" 2> /dev/null; done',
    '    rmdir "$group" 2> /dev/null',
    '  done',
    '  n=$((n + 1)); sleep 0.05',
    'done',
    ...groups.map((group) => `rmdir ${quoteShell(dirname(group))} 2> /dev/null`),
    `ip link delete ${toInterfaceName(gateway)} 2> /dev/null`,
    'rm -rf "$directory"',
    'rmdir "$(dirname "$directory")" 2> /dev/null',
    'true',
  ].join('\n')
}

/** Tells the watchdog that there is nothing left to take down. */
export type Dismiss = () => void

/**
 * Starts the watchdog. It holds one end of a pipe whose other end only this process has, so it wakes when this
 * process ends in any way, SIGKILL included. It does not keep this process alive.
 */
export function startWatchdog(directory: string, fleet: Fleet): Dismiss {
  const script = renderWatchdog(directory, fleet.groups, fleet.gateway)
  // A session of its own: Ctrl-C on the runner's terminal must not end the one that cleans up.
  const child = spawn('sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' })
  child.unref()
  child.once('error', () => {})
  child.stdin.once('error', () => {})
  Reflect.apply(Reflect.get(child.stdin, 'unref') as () => void, child.stdin, [])
  return () => {
    child.stdin.end('down\n')
  }
}
