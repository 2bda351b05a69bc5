import { describe, expect, it } from 'vitest'
import { makeDictionary } from '../model/dictionary.ts'
import { failedToRead, parseEnvFile, parseRawEnvFile } from './env-file.ts'

const limits = { valueLength: 100_000, nestedDefaults: 32 }

function parse(text: string, outside: Readonly<Record<string, string>> = {}): Record<string, string> {
  const into = makeDictionary<string>()
  parseEnvFile(text, into, { lookUp: (name) => (Object.hasOwn(outside, name) ? outside[name] : undefined), limits })
  return { ...into }
}

function failure(text: string): string {
  try {
    parse(text)
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

describe('env files', () => {
  it.each<[string, Record<string, string>]>([
    ['A=1\nB=2', { A: '1', B: '2' }],
    ['A: 1\nexport B=2\n  C = 3  ', { A: '1', B: '2', C: '3' }],
    ['# note\n\nA=x # comment\nB=x#y', { A: 'x', B: 'x#y' }],
    ["A='lit $B \\n'\nB='it\\'s'", { A: 'lit $B \\n', B: "it's" }],
    ['A="x\\ty\\n\\"q\\" \\$B $$ \\\\"', { A: 'x\ty\n"q" $B $ \\' }],
    ['A="two\nlines"\nB=1', { A: 'two\nlines', B: '1' }],
    ['A=1\nB=${A}-${C:-d}', { A: '1', B: '1-d' }],
    ['A=\nB=""', { A: '', B: '' }],
    ['A.b-c[0]=1\nÄ=2', { 'A.b-c[0]': '1', Ä: '2' }],
    ['\uFEFFA=1\r\nB=2\r\n', { A: '1', B: '2' }],
    ['A=1\nA=2', { A: '2' }],
    [
      String.raw`A="\0101"
B="\012"
C="\08"
D="\0777"
E="x\0"`,
      { A: 'A', B: '\\12', C: '\\8', D: '\\777', E: 'x\\' },
    ],
    ['__proto_=1\nconstructor=2', { __proto_: '1', constructor: '2' }],
  ])('%j', (text, expected) => {
    expect(parse(text)).toEqual(expected)
  })

  it('a key alone takes the outside value or is left out', () => {
    expect(parse('HOME\nNOPE\nA=1', { HOME: '/root' })).toEqual({ HOME: '/root', A: '1' })
    expect(parse('HOME', { HOME: '/root' })).toEqual({ HOME: '/root' })
  })

  it('outside values win over earlier lines when a value refers to them', () => {
    expect(parse('A=file\nB=$A', { A: 'outside' })).toEqual({ A: 'file', B: 'outside' })
  })

  it('a key called __proto__ is a key', () => {
    const into = makeDictionary<string>()
    parseEnvFile('__proto__=1', into, { lookUp: () => undefined, limits })
    expect(Object.keys(into)).toEqual(['__proto__'])
  })

  it.each([
    ['A+B=1', 'line 1: unexpected character "+" in variable name "A+B=1"'],
    ['A=1\nB C=2', 'line 2: key cannot contain a space'],
    ['A=1\n\nB="x', 'line 3: unterminated quoted value "x'],
    ['A=${X', 'line 1: invalid interpolation format for value.\nYou may need to escape any $ with another $.\n${X'],
    ['A=${X:?needed}', 'line 1: required variable X is missing a value: needed'],
  ])('%j is refused', (text, message) => {
    expect(failure(text)).toBe(message)
  })

  it('a line of ten megabytes is read, for which quadratic time would be hours', () => {
    expect(parse(`A=${'x'.repeat(10_000_000)}`)['A']).toHaveLength(10_000_000)
  })
})

describe('raw env files', () => {
  it('keep quotes and dollar signs', () => {
    const into = makeDictionary<string>()
    parseRawEnvFile('A="x" $B\n# c\nHOME\nNOPE\n', into, (name) => (name === 'HOME' ? '/root' : undefined))
    expect({ ...into }).toEqual({ A: '"x" $B', HOME: '/root' })
  })

  it('know no other blanks than blanks and tabs', () => {
    const into = makeDictionary<string>()
    parseRawEnvFile(' \tA\u00A0=1\u00A0\n', into, () => undefined)
    expect({ ...into }).toEqual({ 'A\u00A0': '1\u00A0' })
  })

  it.each([
    ['A=1\nB =2', "variable 'B ' contains whitespaces"],
    ['\n=2', "no variable name on line '=2'"],
  ])("fail in docker-compose's words, with the line: %j", (text, reason) => {
    const read = (): void => {
      try {
        parseRawEnvFile(text, makeDictionary<string>(), () => undefined)
      } catch (error) {
        throw failedToRead('/p/a.env', error)
      }
    }
    expect(read).toThrow(
      expect.objectContaining({ message: `failed to parse env_file /p/a.env: ${reason}`, hint: 'at /p/a.env:2:1' }),
    )
  })
})
