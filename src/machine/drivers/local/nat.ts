import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../core/clock.ts'
import { execChecked, execProgram } from '../../../io/exec.ts'
import { pathExists, readTextFile } from '../../../io/files.ts'
import { withLock } from '../../../io/lock.ts'
import { systemEnv } from '../../../io/system-env.ts'
import { toHex, toInterfaceName } from '../../subnet.ts'
import type { Subnet } from '../../subnet.ts'

/**
 * One file per fleet that needs forwarding, and `before`: how the setting stood when the first one came. In memory,
 * like the setting itself.
 */
const forwardFolder = '/run/flotilla-forwarding'
const forwardLock = '/run/flotilla-forwarding.lock'
const forwardSettingPath = '/proc/sys/net/ipv4/ip_forward'

/** One firewall rule: its table, its chain, where it goes, and its words. */
interface Rule {
  readonly table: 'nat' | 'filter'
  readonly chain: string
  readonly words: readonly string[]
}

/**
 * Pure: the rules that let hosts of the subnet reach other networks in the machine's name. Those of FORWARD
 * stand first, because an engine on the machine makes DROP the rule for all the rest.
 */
export function natRules(subnet: Subnet): readonly Rule[] {
  const gateway = toInterfaceName(subnet.gateway)
  return [
    { table: 'nat', chain: 'POSTROUTING', words: ['-s', subnet.cidr, '!', '-d', subnet.cidr, '-j', 'MASQUERADE'] },
    { table: 'filter', chain: 'FORWARD', words: ['-i', gateway, '-j', 'ACCEPT'] },
    {
      table: 'filter',
      chain: 'FORWARD',
      words: ['-o', gateway, '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT'],
    },
  ]
}

/** Lets hosts of the subnet out. Idempotent. */
export async function ensureNat(subnet: Subnet, clock: Clock): Promise<void> {
  const env = systemEnv()
  for (const rule of natRules(subnet)) {
    const found = await execProgram(['iptables', '-w', '-t', rule.table, '-C', rule.chain, ...rule.words], {
      clock,
      env,
    })
    if (found.code !== 0) {
      await execChecked(['iptables', '-w', '-t', rule.table, '-I', rule.chain, ...rule.words], { clock, env })
    }
  }
  await withForwarding(clock, async () => {
    const current = ((await readTextFile(forwardSettingPath)) ?? '').trim()
    if (!(await pathExists(join(forwardFolder, 'before')))) await writeFile(join(forwardFolder, 'before'), current)
    await writeFile(join(forwardFolder, toHex(subnet.gateway)), '')
    if (current !== '1') await writeFile(forwardSettingPath, '1')
  })
}

/** Takes the rules of the subnet away, and forwarding with those of the last fleet. Idempotent. */
export async function removeNat(subnet: Subnet, clock: Clock): Promise<void> {
  const env = systemEnv()
  for (const rule of natRules(subnet)) {
    // A rule can be there twice after a crash.
    for (let count = 0; count < 4; count += 1) {
      const result = await execProgram(['iptables', '-w', '-t', rule.table, '-D', rule.chain, ...rule.words], {
        clock,
        env,
      })
      if (result.code !== 0) break
    }
  }
  await withForwarding(clock, async () => {
    await rm(join(forwardFolder, toHex(subnet.gateway)), { force: true })
    const left = await readdir(forwardFolder)
    if (left.some((name) => name !== 'before')) return
    const before = await readTextFile(join(forwardFolder, 'before'))
    // An engine that was started on this machine meanwhile needs forwarding too.
    if (before !== undefined && !(await pathExists('/sys/class/net/docker0')))
      await writeFile(forwardSettingPath, before)
    await rm(forwardFolder, { recursive: true, force: true })
  })
}

async function withForwarding(clock: Clock, body: () => Promise<void>): Promise<void> {
  await withLock(
    forwardLock,
    { clock, waitMs: 30_000, subject: 'the forwarding setting of this machine' },
    async () => {
      await mkdir(forwardFolder, { recursive: true })
      await body()
    },
  )
}
