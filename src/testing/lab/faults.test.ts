import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { dropLines, healLines, lossLines, partitionLines } from './faults.ts'
import { renderWatchdog } from './watchdog.ts'

describe('fault scripts', () => {
  it('are valid shell', () => {
    for (const script of [dropLines(), healLines(), lossLines(0.3), lossLines(0), partitionLines('10.0.0.2')]) {
      execFileSync('sh', ['-n'], { input: script })
    }
  })

  it('touch only chains of their own, so that the rules of the engine stay', () => {
    expect(healLines()).toBe(
      'iptables -w -F FLOTILLA-FAULT 2> /dev/null || true\niptables -w -F FLOTILLA-LOSS 2> /dev/null || true',
    )
  })

  it.each([-0.1, 1.1, Number.NaN])('a loss of %d is refused', (ratio) => {
    expect(() => lossLines(ratio)).toThrow(RangeError)
  })
})

describe('watchdog', () => {
  const script = renderWatchdog("/tmp/a b/it's", ['/cg/cpu/flotilla/0ad60001'], '10.214.0.1')

  it('is valid shell', () => {
    execFileSync('sh', ['-n'], { input: script })
  })

  it('does nothing once it is told that all is down', () => {
    execFileSync('sh', ['-c', `${script}\nexit 9`], { input: 'down\n' })
  })
})
