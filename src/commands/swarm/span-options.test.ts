import { describe, expect, it } from 'vitest'
import { readSpanOptions } from './span-options.ts'

describe('readSpanOptions', () => {
  it('copies images and leaves networks alone unless told otherwise', () => {
    expect(readSpanOptions([])).toEqual({ distribution: 'peer' })
    expect(readSpanOptions(['swarm.overcommit=0.1', 'swarm.overlay=off', 'other'])).toEqual({ distribution: 'peer' })
    expect(readSpanOptions(['swarm.distribution=pull', 'swarm.overlay=on'])).toEqual({
      distribution: 'pull',
      overlay: {},
    })
  })

  it('reads how networks are made', () => {
    const values = ['swarm.overlay=on', 'swarm.overlay.pool=10.20.0.0/16,10.30.0.0/16']
    expect(readSpanOptions([...values, 'swarm.overlay.subnetsize=26', 'swarm.overlay.port=4790'])).toEqual({
      distribution: 'peer',
      overlay: { addressPools: ['10.20.0.0/16', '10.30.0.0/16'], subnetSize: 26, dataPathPort: 4790 },
    })
  })

  it.each([
    ['swarm.distribution=always', 'swarm.distribution should be peer or pull, "always" is invalid'],
    ['swarm.overlay=', 'swarm.overlay should be on or off, "" is invalid'],
    ['swarm.overlay.pool=here', 'swarm.overlay.pool should be address ranges like 10.20.0.0/16, "here" is invalid'],
    ['swarm.overlay.port=80', 'swarm.overlay.port should be a number from 1024 to 49151, "80" is invalid'],
    ['swarm.overlay.subnetsize=x', 'swarm.overlay.subnetsize should be a number from 1 to 29, "x" is invalid'],
  ])('refuses %s', (value, message) => {
    expect(() => readSpanOptions([value])).toThrow(message)
  })
})
