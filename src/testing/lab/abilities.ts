import type { Clock } from '../../core/clock.ts'
import { execProgram } from '../../io/exec.ts'
import { readTextFile } from '../../io/files.ts'

/** What this machine can do that not every machine can. */
export interface MachineAbilities {
  /** `--privileged` containers on engine 20.10, raised limits, negative OOM scores. */
  readonly hasSysResource: boolean
  /** Service addresses and the routing mesh of swarm mode. */
  readonly hasIpVs: boolean
  /** Delays by `tc netem`. */
  readonly hasNetem: boolean
}

const sysResourceBit = 24n

/** Finds out by trying. Tests that need one of these ask first, and name it where they cannot run. */
export async function readAbilities(clock: Clock): Promise<MachineAbilities> {
  const status = (await readTextFile('/proc/self/status')) ?? ''
  const bounding = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  const netem = await execProgram(
    ['unshare', '-n', 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms'],
    { clock },
  )
  return {
    hasSysResource: ((bounding >> sysResourceBit) & 1n) === 1n,
    hasIpVs: (await readTextFile('/proc/net/ip_vs')) !== undefined,
    hasNetem: netem.code === 0,
  }
}
