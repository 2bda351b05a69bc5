import { describe, expect, it } from 'vitest'
import { pflag } from '../../cli/dialects/pflag.ts'
import { parseCommandLine } from '../../cli/parse.ts'
import type { ParsedLine } from '../../cli/parse.ts'
import { composeCommands, composeGlobals } from './table.ts'

function parse(...argv: readonly string[]): Promise<ParsedLine> {
  const root = { name: 'docker-compose', brief: '', flags: composeGlobals, args: [], commands: composeCommands }
  return parseCommandLine(root, argv, {
    dialect: pflag,
    env: {},
    versionFlag: { version: { kind: 'boolean', short: 'v', brief: '' } },
    everywhere: ['dry-run'],
    helpWords: ['help'],
    findMoreFlags: async () => ({}),
  })
}

// Compose v2 cmd/compatibility/convert.go: what docker-compose made of the words before the command.
describe('before the command word', () => {
  it.each([
    [['--verbose', 'ps'], { debug: true }],
    [['-D', 'ps'], { debug: true }],
    [['--host', 'tcp://h:1', 'ps'], { host: 'tcp://h:1' }],
    [['--host=tcp://h:1', 'ps'], { host: 'tcp://h:1' }],
    [['-H', 'tcp://h:1', 'ps'], { host: 'tcp://h:1' }],
    [['-H=tcp://h:1', 'ps'], { host: 'tcp://h:1' }],
    [['--context', 'there', '--log-level=debug', 'ps'], { context: 'there', 'log-level': 'debug' }],
    [['--tls', '--tlsverify', 'ps'], { tls: true, tlsverify: true }],
    [
      ['--tlscacert', 'ca', '--tlscert=c', '--tlskey', 'k', '-f', 'a', 'ps'],
      { tlscacert: 'ca', tlscert: 'c', tlskey: 'k', file: ['a'] },
    ],
  ])('%j', async (argv, globals) => {
    expect(await parse(...argv)).toMatchObject({ kind: 'run', command: { name: 'ps' }, globals })
  })

  it.each(['-v', '--version'])('%s is the version, whatever follows', async (flag) => {
    expect(await parse(flag, 'ps')).toMatchObject({ kind: 'version' })
  })

  it('-h is the help of the program, and of the command that follows it', async () => {
    expect(await parse('-h')).toMatchObject({ kind: 'help', path: { length: 1 } })
    expect(await parse('-h', 'ps')).toMatchObject({ kind: 'help', path: { length: 2 } })
  })

  it.each(['--host', '-H', '--context', '--tlscacert', '--tlscert', '--tlskey', '--log-level'])(
    '%s without its value is refused in words of its own',
    async (flag) => {
      expect(await parse(flag)).toMatchObject({
        kind: 'wrong',
        error: { message: `flag needs an argument: '${flag}'`, code: 'cli/usage' },
      })
    },
  )

  it("the flags of Compose itself keep pflag's words", async () => {
    expect(await parse('--project-name')).toMatchObject({
      error: { message: 'flag needs an argument: --project-name' },
    })
  })

  it('after the command word they are flags of the command', async () => {
    expect(await parse('ps', '-H', 'x')).toMatchObject({ kind: 'wrong' })
  })
})
