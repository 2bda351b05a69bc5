import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFlotillaError } from '../errors.ts'
import { formatRows } from './rows.ts'
import { parseTemplate } from './template.ts'
import type { TemplateOptions } from './template.ts'
import { structFields } from './value.ts'

function render(source: string, data: unknown = {}, options: TemplateOptions = {}): string {
  return parseTemplate(source, options).render(data)
}

function problem(source: string, data: unknown = {}, options: TemplateOptions = {}): string {
  try {
    return `no problem: ${render(source, data, options)}`
  } catch (error) {
    return isFlotillaError(error) ? `${error.code} ${error.message}` : `foreign: ${String(error)}`
  }
}

describe('values', () => {
  const data = { Name: 'web', Count: 3, Labels: { a: '1', b: '2' }, List: ['x', 'y'], Big: 10n ** 20n, Nil: null }

  it.each([
    ['{{.Name}}', 'web'],
    ['{{ .Name }}-{{ .Count }}', 'web-3'],
    ['{{.Missing}}', '<no value>'],
    ['{{.Nil}}', '<no value>'],
    ['{{.Labels}}', 'map[a:1 b:2]'],
    ['{{.List}}', '[x y]'],
    ['{{.Big}}', '100000000000000000000'],
    ['{{.Labels.a}}', '1'],
    ['{{(index .Labels "b")}}', '2'],
    ['{{index .List 1}}', 'y'],
    ['{{len .List}} {{len .Name}} {{len "é"}}', '2 3 2'],
    ['{{slice .Name 1 2}}', 'e'],
    [
      '{{json .}}',
      '{"Big":100000000000000000000,"Count":3,"Labels":{"a":"1","b":"2"},"List":["x","y"],"Name":"web","Nil":null}',
    ],
    ['{{join .List ","}}', 'x,y'],
    ['{{.Name | upper | printf "%q"}}', '"WEB"'],
    ['{{title "hello world"}} {{lower "ABC"}}', 'Hello World abc'],
    ['{{pad .Name 1 2}}|', ' web  |'],
    ['{{truncate .Name 2}}', 'we'],
    ['{{split "a,b" ","}}', '[a b]'],
    ['{{printf "%-5s|%5d|%05d|%x|%v|%t" "ab" 42 42 255 .List true}}', 'ab   |   42|00042|ff|[x y]|true'],
    ['{{printf "%d %s" "x"}}', '%!d(string=x) %!s(MISSING)'],
    ['{{printf "a" 1}}', 'a%!(EXTRA int=1)'],
    ['{{print "a" 1 2 "b"}}', 'a1 2b'],
    ['{{println 1 "a"}}', '1 a\n'],
    ['{{html "<a href=\'x\'>"}}', '&lt;a href=&#39;x&#39;&gt;'],
    ['{{urlquery "a b&c"}}', 'a+b%26c'],
    ['{{"a\\tb"}}{{`raw\\n`}}', 'a\tbraw\\n'],
    ["{{'a'}} {{0x10}} {{1_000}} {{-5}}", '97 16 1000 -5'],
  ])('%s is %j', (source, expected) => {
    expect(render(source, data)).toBe(expected)
  })

  it('an own function of the data is a method', () => {
    const row = { Label: (key: unknown) => `<${String(key)}>`, Now: () => 'now' }
    expect(render('{{.Label "k"}} {{.Now}} {{"z" | .Label}} {{eq .Now "now"}}', row)).toBe('<k> now <z> true')
    expect(() => render('{{.Label}}', row)).toThrow('wrong number of args for Label: want 1 got 0')
    expect(() => render('{{eq .Label "x"}}', row)).toThrow('wrong number of args for Label: want 1 got 0')
  })

  it('of structs keep the order of their fields in JSON, where those of maps are sorted', () => {
    const port = { URL: '::', Port: 80, [structFields]: ['URL', 'Port'] }
    expect(render('{{json .}}', { b: [port], a: { d: 1, c: 2 } })).toBe(
      '{"a":{"c":2,"d":1},"b":[{"URL":"::","Port":80}]}',
    )
  })
})

describe('control', () => {
  it.each([
    ['{{if .A}}yes{{else}}no{{end}}', { A: 1 }, 'yes'],
    ['{{if .A}}yes{{else}}no{{end}}', { A: [] }, 'no'],
    ['{{if eq .A 1}}one{{else if eq .A 2}}two{{else}}many{{end}}', { A: 2 }, 'two'],
    ['{{if and .A (not .B)}}x{{end}}', { A: true }, 'x'],
    ['{{or .A .B "c"}}', { B: '' }, 'c'],
    ['{{with .A}}{{.B}}{{else}}none{{end}}', { A: { B: 5 } }, '5'],
    ['{{range .A}}{{.}},{{end}}', { A: [1, 2] }, '1,2,'],
    ['{{range $k, $v := .A}}{{$k}}={{$v}};{{end}}', { A: { b: 2, a: 1 } }, 'a=1;b=2;'],
    ['{{range $i := .A}}{{$i}}{{else}}empty{{end}}', { A: [] }, 'empty'],
    [
      '{{range .A}}{{if eq . 2}}{{continue}}{{end}}{{if eq . 4}}{{break}}{{end}}{{.}}{{end}}',
      { A: [1, 2, 3, 4, 5] },
      '13',
    ],
    ['{{$x := 1}}{{range .A}}{{$x = .}}{{end}}{{$x}} {{$.A}}', { A: [7, 8] }, '8 [7 8]'],
    ['a {{- /* note */ -}} b', {}, 'ab'],
    ['a {{- 1 -}}  b', {}, 'a1b'],
    ['{{range 3}}{{.}}{{end}}', {}, '012'],
    ['{{if lt 1 2}}{{if ge "b" "a"}}ok{{end}}{{end}}', {}, 'ok'],
    ['{{eq 1 2 3 1}} {{ne "a" "b"}}', {}, 'true true'],
  ])('%s over %j is %j', (source, data, expected) => {
    expect(render(source, data)).toBe(expected)
  })
})

describe('errors have the text of Go', () => {
  it.each([
    ['{{', 'template: :1: unclosed action'],
    ['{{.A', 'template: :1: unclosed action'],
    ['a\n{{foo}}', 'template: :2: function "foo" not defined'],
    ['{{}}', 'template: :1: missing value for command'],
    ['{{if}}{{end}}', 'template: :1: missing value for if'],
    ['{{if .A}}', 'template: :1: unexpected EOF'],
    ['{{end}}', 'template: :1: unexpected {{end}}'],
    ['{{$x}}', 'template: :1: undefined variable "$x"'],
    ['{{"abc}}', 'template: :1: unterminated quoted string'],
    ['{{(.A}}', 'template: :1: unclosed left paren'],
    ['{{.A | 5}}', 'template: :1: non executable command in pipeline stage 2'],
    ['{{/* a', 'template: :1: unclosed comment'],
    ['{{1x}}', 'template: :1: bad number syntax: "1x"'],
    ['{{break}}', 'template: :1: {{break}} outside {{range}}'],
    ['{{.A.B}}', 'template: :1:2: executing "" at <.A.B>: nil pointer evaluating interface {}.B'],
    ['{{len 3}}', 'template: :1:2: executing "" at <len>: error calling len: len of type int'],
    ['{{index .L 9}}', 'template: :1:2: executing "" at <index>: error calling index: index out of range: 9'],
  ])('%s', (source, expected) => {
    expect(problem(source, { L: [1] })).toBe(`core/template ${expected}`)
  })

  it('a field that the type does not have is an error', () => {
    expect(problem('{{.Foo}}', { Name: 'a' }, { typeName: 'commands.HostListItem' })).toBe(
      'core/template template: :1:2: executing "" at <.Foo>: can\'t evaluate field Foo in type commands.HostListItem',
    )
  })

  it("docker's functions can be left out", () => {
    expect(problem('{{json .}}', {}, { functions: {} })).toBe('core/template template: :1: function "json" not defined')
  })
})

describe('hostile templates', () => {
  /** `$x` is four million letters long. */
  const doubled = '{{$x := "aaaa"}}{{range 20}}{{$x = print $x $x}}{{end}}'

  it.each(['{{.__proto__}}', '{{.constructor}}', '{{.toString}}', '{{index . "hasOwnProperty"}}'])(
    'no prototype is reached by %s',
    (source) => {
      expect(render(source, {})).toBe('<no value>')
    },
  )

  it('functions of the prototype of the function table cannot be called', () => {
    expect(problem('{{constructor}}')).toBe('core/template template: :1: function "constructor" not defined')
    expect(problem('{{call .A}}', { A: 1 })).toBe('core/template template: :1: function "call" not defined')
  })

  it.each([
    ['{{range 1000000000}}{{end}}', /more than 5000000 steps/],
    ['{{range 100000}}{{printf "%1000d" 1}}{{end}}', /longer than 67108864 characters/],
    ['{{$x := "aaaa"}}{{range 100}}{{$x = print $x $x}}{{end}}', /longer than 67108864/],
    [`{{${'('.repeat(100_000)}1${')'.repeat(100_000)}}}`, /nested deeper than 100 levels/],
    ['{{if 1}}'.repeat(100_000), /nested deeper than 100 levels/],
    ['{{pad "a" 1000000000 0}}', /more than 1000000/],
    [`${doubled}{{range 1000000}}{{$y := upper $x}}{{end}}`, /more than 5000000 steps/],
    [`${doubled}{{range 1000000}}{{$y := len $x}}{{end}}`, /more than 5000000 steps/],
    [`${doubled}{{range 1000000}}{{$y := eq $x "a"}}{{end}}`, /more than 5000000 steps/],
    [
      `{{$l := split (printf "%1000000d" 1) ""}}{{range 1000000}}{{$y := join $l ""}}{{end}}`,
      /more than 5000000 steps/,
    ],
    [`{{$l := split (printf "%1000000d" 1) ""}}{{range 1000000}}{{$y := print $l}}{{end}}`, /more than 5000000 steps/],
  ])('%# ends in an error within seconds', (source, expected) => {
    expect(problem(source)).toMatch(expected)
  })

  it('a deep or endless value is refused', () => {
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    expect(problem('{{.}}', loop)).toContain('nested deeper than 100 levels')
    expect(problem('{{json .}}', loop)).toContain('nested deeper than 100 levels')
  })

  it('whatever the template, the only thing thrown is a template error', () => {
    const piece = fc.constantFrom(
      '{{',
      '}}',
      '{{-',
      '-}}',
      ' ',
      '.',
      '.A',
      '.B.C',
      '$',
      '$x',
      ':=',
      '=',
      '|',
      '(',
      ')',
      ',',
      '"s"',
      '`r`',
      "'c'",
      '1',
      '-2',
      '1e9',
      'if',
      'else',
      'end',
      'range',
      'with',
      'break',
      'continue',
      'json',
      'len',
      'index',
      'printf',
      '"%*d%[1]v%q"',
      'eq',
      'and',
      'or',
      'not',
      'slice',
      'print',
      'join',
      'split',
      'pad',
      'truncate',
      'title',
      'nil',
      'true',
      '/*',
      '*/',
      '\n',
      'text',
      '\u{1f600}',
      '\ud800',
    )
    const data = { A: [1, 'x', { D: null }], B: { C: 'c' }, F: () => 1 }
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece, { maxLength: 25 }).map((parts) => parts.join('')),
          fc.string(),
        ),
        (source) => {
          try {
            parseTemplate(source, { limits: { outputLength: 10_000, steps: 10_000 } }).render(data)
          } catch (error) {
            expect(isFlotillaError(error) && error.code).toBe('core/template')
          }
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('text without actions is written as it is', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('{{')),
        (text) => {
          expect(render(text)).toBe(text)
        },
      ),
    )
  })
})

describe('rows', () => {
  const headings = { Name: 'NAME', State: 'STATE' }
  const rows = [
    { Name: 'a', State: 'Running' },
    { Name: 'b', State: '' },
  ]

  it('a table begins with headings, which functions leave alone', () => {
    expect(formatRows('table {{.Name | lower}}\\t{{json .State}}', headings, rows)).toEqual({
      isTable: true,
      lines: ['NAME\tSTATE', 'a\t"Running"', 'b\t""'],
    })
  })

  it('without the prefix there are only the rows', () => {
    expect(formatRows('{{.Name}}\\n', headings, rows)).toEqual({ isTable: false, lines: ['a\n', 'b\n'] })
  })
})
