/**
 * Pure: the shell lines behind the fault verbs of a host. All rules of a host stand in chains of their own, so
 * that `heal` takes them back without touching the engine's rules.
 */

const chains = ['INPUT', 'OUTPUT', 'FORWARD'] as const
const faultChain = 'FLOTILLA-FAULT'
const lossChain = 'FLOTILLA-LOSS'

/** Makes the chain and hooks it in first, once. */
function ensureChain(name: string, hooks: readonly string[]): string[] {
  return [
    `iptables -w -N ${name} 2> /dev/null || true`,
    ...hooks.map((hook) => `iptables -w -C ${hook} -j ${name} 2> /dev/null || iptables -w -I ${hook} -j ${name}`),
  ]
}

/** Inside the host: every packet of eth0 vanishes, the link stays up. */
export function dropLines(): string {
  return [
    'set -e',
    ...ensureChain(faultChain, chains),
    `iptables -w -I ${faultChain} -i eth0 -j DROP`,
    `iptables -w -I ${faultChain} -o eth0 -j DROP`,
  ].join('\n')
}

/** Inside the host: packets from and to one address vanish. */
export function partitionLines(address: string): string {
  return [
    'set -e',
    ...ensureChain(faultChain, chains),
    `iptables -w -A ${faultChain} -s ${address} -j DROP`,
    `iptables -w -A ${faultChain} -d ${address} -j DROP`,
  ].join('\n')
}

/** Inside the host: this share of incoming packets vanishes; 0 takes it back. */
export function lossLines(ratio: number): string {
  if (!(ratio >= 0 && ratio <= 1)) throw new RangeError(`packet loss must be from 0 to 1, not ${ratio}`)
  return [
    'set -e',
    ...ensureChain(lossChain, ['INPUT']),
    `iptables -w -F ${lossChain}`,
    ...(ratio === 0
      ? []
      : [`iptables -w -A ${lossChain} -i eth0 -m statistic --mode random --probability ${ratio.toFixed(4)} -j DROP`]),
  ].join('\n')
}

/** Inside the host: takes back black hole, partitions and loss. */
export function healLines(): string {
  return [faultChain, lossChain].map((chain) => `iptables -w -F ${chain} 2> /dev/null || true`).join('\n')
}
