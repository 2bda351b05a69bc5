import type { Clock } from '../../core/clock.ts'
import type { ProgramWords } from '../../io/exec.ts'
import { readProxyOptions } from './apt-mirror.ts'

/**
 * The command that makes a tree of Debian in the folder `target`: in a process namespace of its own, which ends with
 * this process, so that a killed builder builds no further.
 */
export async function mmdebstrapWords(
  suite: string,
  packages: readonly string[],
  target: string,
  mirror: string,
  clock: Clock,
): Promise<ProgramWords> {
  const proxies = await readProxyOptions(clock)
  return [
    ...(['setpriv', '--pdeathsig=KILL', 'unshare', '--pid', '--fork', '--kill-child', '--mount-proc'] as const),
    '--propagation=private',
    'mmdebstrap',
    '--mode=root',
    '--variant=apt',
    // A mirror may serve an image of the archive that is older than its signature wants.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    '--aptopt=Acquire::Retries "5"',
    ...proxies.map((option) => `--aptopt=${option}`),
    `--include=${packages.join(',')}`,
    suite,
    target,
    mirror,
  ]
}
