import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readPluginCall } from './plugin-call.ts'

describe('readPluginCall', () => {
  it.each([
    [['docker-cli-plugin-metadata'], { kind: 'metadata' }],
    [['compose', 'up', '-d'], { kind: 'run', argv: ['up', '-d'] }],
    [['compose'], { kind: 'run', argv: [] }],
    [['compose', '-f', 'compose', 'ps'], { kind: 'run', argv: ['-f', 'compose', 'ps'] }],
    [['-H', 'tcp://h:1', 'compose', 'ps'], { kind: 'run', argv: ['-H', 'tcp://h:1', 'ps'] }],
    [['--host=tcp://h:1', '-D', 'compose', 'ps'], { kind: 'run', argv: ['--host', 'tcp://h:1', '-D', 'ps'] }],
    [['--context', 'compose', 'compose', 'ps'], { kind: 'run', argv: ['--context', 'compose', 'ps'] }],
    [['--config', '/c', 'compose', 'ps'], { kind: 'run', argv: ['ps'], dockerConfig: '/c' }],
    [
      ['--tlsverify', '--tlscacert', 'ca', 'compose', 'ps'],
      { kind: 'run', argv: ['--tlsverify', '--tlscacert', 'ca', 'ps'] },
    ],
    [['__complete', 'compose', 'u'], { kind: 'run', argv: ['__complete', 'u'] }],
    [['-f', 'compose', 'up'], { kind: 'run', argv: ['-f', 'compose', 'up'] }],
    [['--host=tcp://h:1', 'ps'], { kind: 'run', argv: ['--host=tcp://h:1', 'ps'] }],
    [['exec', 'web', 'compose'], { kind: 'run', argv: ['exec', 'web', 'compose'] }],
  ])('reads %j', (argv, wanted) => {
    expect(readPluginCall(argv)).toEqual(wanted)
  })

  it('hands on what follows the name untouched', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (rest) => {
        expect(readPluginCall(['compose', ...rest])).toEqual({ kind: 'run', argv: rest })
      }),
    )
  })
})
