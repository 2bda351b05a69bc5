import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { natRules } from './nat.ts'
import { parseSubnet } from '../../subnet.ts'
import { renderPlugScript, renderSwitchScript } from './switch.ts'

const subnet = parseSubnet('10.213.0.0/24')

describe('network scripts', () => {
  it('the switch is built in its own network and the machine is plugged in with the gateway address', () => {
    const script = renderSwitchScript(subnet, '/var/lib/a', 4711)
    execFileSync('sh', ['-n'], { input: script })
    expect(script).toMatchInlineSnapshot(`
      "set -e
      ip link add fl0ad50001 type veth peer name gateway0 netns 4711
      ip link set fl0ad50001 alias /var/lib/a
      nsenter -t 4711 -n sh -ec 'ip link add switch0 type bridge forward_delay 0 stp_state 0
      ip link set lo up
      ip link set gateway0 master switch0
      ip link set gateway0 up
      ip link set switch0 up'
      ip addr add 10.213.0.1/24 brd + dev fl0ad50001
      ip link set fl0ad50001 up"
    `)
  })

  it('a host gets a fixed MAC address, its address, and a route only where it may leave', () => {
    const plug = { address: '10.213.0.2', subnet, hasRoute: false, switchPid: 1, pid: 4712 }
    execFileSync('sh', ['-n'], { input: renderPlugScript(plug) })
    expect(renderPlugScript(plug)).toContain('peer name eth0 address 02:f1:0a:d5:00:02 netns 4712')
    expect(renderPlugScript(plug)).not.toContain('route')
    expect(renderPlugScript({ ...plug, hasRoute: true })).toContain('ip route add default via 10.213.0.1')
  })

  it('only traffic that leaves the subnet is rewritten', () => {
    expect(natRules(subnet).map((rule) => [rule.table, rule.chain, ...rule.words].join(' '))).toEqual([
      'nat POSTROUTING -s 10.213.0.0/24 ! -d 10.213.0.0/24 -j MASQUERADE',
      'filter FORWARD -i fl0ad50001 -j ACCEPT',
      'filter FORWARD -o fl0ad50001 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    ])
  })
})
