import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { readHostArguments, readSocketPath, renderEngineStart } from './engine-process.ts'

describe('engine arguments', () => {
  it('finds hosts in every form dockerd takes', () => {
    const args = [
      '-H',
      'unix:///a',
      '--host=tcp://1.2.3.4:1',
      '-H=fd://',
      '-Htcp://:2',
      '--host',
      'tcp://b:3',
      '--debug',
      '-H',
    ]
    expect(readHostArguments(args)).toEqual(['unix:///a', 'tcp://1.2.3.4:1', 'fd://', 'tcp://:2', 'tcp://b:3'])
  })

  it('looks for the socket where no link leads out of the host', () => {
    expect(readSocketPath(['-H', 'tcp://a:1', '-H', 'unix:///var/run/docker.sock'])).toBe('/run/docker.sock')
    expect(readSocketPath(['-H', 'unix://'])).toBe('/run/docker.sock')
    expect(readSocketPath(['-H', 'tcp://a:1'])).toBeUndefined()
    expect(readSocketPath(['--debug'])).toBe('/run/docker.sock')
  })

  it('starts dockerd in the background of the host with its environment and words quoted', () => {
    const script = renderEngineStart({ args: ['--label=a=it is'], env: ['HTTP_PROXY=http://a b'] })
    execFileSync('sh', ['-n'], { input: script })
    expect(script).toContain('setsid sh -c ')
    expect(script.trimEnd().endsWith('&')).toBe(true)
    expect(script).toContain('--label=a=it is')
  })
})
