import { mkdir, readdir, rm, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../../../core/clock.ts'
import { execChecked, execProgram } from '../../../io/exec.ts'
import { readTextFile, writeFileAtomic } from '../../../io/files.ts'
import { toInterfaceName } from './subnet.ts'
import type { Subnet } from './subnet.ts'

/** Remembers how forwarding stood before the first fleet switched it on. Gone with the boot, as is the setting. */
const forwardNotePath = '/run/flotilla/ip-forward'
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
  for (const rule of natRules(subnet)) {
    const found = await execProgram(['iptables', '-w', '-t', rule.table, '-C', rule.chain, ...rule.words], { clock })
    if (found.code !== 0) {
      await execChecked(['iptables', '-w', '-t', rule.table, '-I', rule.chain, ...rule.words], { clock })
    }
  }
  const current = ((await readTextFile(forwardSettingPath)) ?? '').trim()
  if (current === '1') return
  await mkdir(dirname(forwardNotePath), { recursive: true })
  await writeFileAtomic(forwardNotePath, `${current}\n`, 0o600)
  await execChecked(['sh', '-c', `echo 1 > ${forwardSettingPath}`], { clock })
}

/** Takes the rules of the subnet away, and forwarding with those of the last fleet. Idempotent. */
export async function removeNat(subnet: Subnet, clock: Clock): Promise<void> {
  for (const rule of natRules(subnet)) {
    // A rule can be there twice after a crash.
    for (let count = 0; count < 4; count += 1) {
      const result = await execProgram(['iptables', '-w', '-t', rule.table, '-D', rule.chain, ...rule.words], { clock })
      if (result.code !== 0) break
    }
  }
  const before = (await readTextFile(forwardNotePath))?.trim()
  if (before === undefined) return
  const names = await readdir('/sys/class/net')
  const gateway = toInterfaceName(subnet.gateway)
  if (names.some((name) => /^fl[0-9a-f]{8}$/.test(name) && name !== gateway)) return
  // An engine that was started meanwhile needs forwarding too.
  if (!names.includes('docker0')) await execProgram(['sh', '-c', `echo ${before} > ${forwardSettingPath}`], { clock })
  await rm(forwardNotePath, { force: true })
  await rmdir(dirname(forwardNotePath)).catch(() => undefined)
}
