import { assert, constantFrom, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { listReferences, substitute } from './substitute.ts'
import type { SubstitutionError } from './substitute.ts'

const values: Readonly<Record<string, string>> = { A: 'a', E: '', D: '${A}', _x1: 'under' }

function fill(template: string, warned: string[] = []): string {
  return substitute(template, {
    lookUp: (name) => values[name],
    onUnset: (name) => warned.push(name),
    maxLength: 1000,
    maxNesting: 32,
  })
}

function failure(template: string): SubstitutionError {
  try {
    fill(template)
  } catch (error) {
    return error as SubstitutionError
  }
  throw new Error(`no error for ${template}`)
}

describe('forms', () => {
  it.each([
    ['$A', 'a'],
    ['${A}', 'a'],
    ['x${A}y$A.z', 'xaya.z'],
    ['$U', ''],
    ['$$A', '$A'],
    ['$$$A', '$a'],
    ['$', '$'],
    ['$1', '$1'],
    ['5$ and $', '5$ and $'],
    ['$_x1', 'under'],
    ['${U:-d}', 'd'],
    ['a${U:-{x}b', 'a{xb'],
    ['${U-{}', '{'],
    ['${E:-d}', 'd'],
    ['${E-d}', ''],
    ['${U-d}', 'd'],
    ['${A:-d}', 'a'],
    ['${A:+alt}', 'alt'],
    ['${E:+alt}', ''],
    ['${E+alt}', 'alt'],
    ['${U+alt}', ''],
    ['${U:+alt}', ''],
    ['${A:?m}', 'a'],
    ['${E?m}', ''],
    ['${U:-${A}}', 'a'],
    ['${U:-${V:-${W-deep}}}', 'deep'],
    ['${U:-x}y}', 'xy}'],
    ['${U:-{}}', '{}'],
    ['${U:-a}${U:-b}', 'ab'],
    ['${U:-a:?b}', 'a:?b'],
    ['${U:-}', ''],
    ['http://${U:-h}:${V:-80}/p', 'http://h:80/p'],
    ['a\n${U:-d}\nb', 'a\nd\nb'],
  ])('%j gives %j', (template, expected) => {
    expect(fill(template)).toBe(expected)
  })

  it('a value is never interpolated again', () => {
    expect(fill('$D ${D} ${D:-x} ${U:-${D}}')).toBe('${A} ${A} ${A} ${A}')
  })

  it('plain references to unset variables are reported, also inside defaults that are not used', () => {
    const warned: string[] = []
    fill('$U ${V} ${A:-${W}} ${X:-d}', warned)
    expect(warned).toEqual(['U', 'V', 'W'])
  })
})

describe('mistakes', () => {
  it.each(['${X', '${}', '${ A}', '${A!}', '${1}', '${A:}', '${U:-a\nb}'])('%j is no template', (template) => {
    expect(failure(template)).toMatchObject({ kind: 'syntax', template })
  })

  it.each([
    ['${U?}', 'required variable U is missing a value'],
    ['${E:?}', 'required variable E is missing a value'],
    ['${U:?give me $A}', 'required variable U is missing a value: give me a'],
  ])('%j asks for the variable', (template, message) => {
    expect(failure(template)).toMatchObject({ kind: 'required', message })
  })

  it('defaults nested a thousand deep are refused', () => {
    expect(failure('${U:-'.repeat(1000) + '}'.repeat(1000))).toMatchObject({
      kind: 'limit',
      message: 'defaults are nested more than 32 deep',
    })
  })

  it('a result that grows beyond the limit is refused', () => {
    expect(failure('${U:-0123456789}'.repeat(200))).toMatchObject({ kind: 'limit' })
  })

  it('texts of a hundred thousand pieces are filled or refused, for which quadratic time would be minutes', () => {
    expect(fill('${U:-}'.repeat(100_000))).toBe('')
    expect(failure('${U:-{}'.repeat(100_000)).message).toBe('defaults are nested more than 32 deep')
    expect(failure('$'.repeat(200_001)).message).toBe('the value is longer than 1000 characters')
  })
})

describe('properties', () => {
  it('text without a dollar sign is unchanged', () => {
    assert(
      property(string(), (text) => {
        const plain = text.replaceAll('$', '')
        expect(fill(plain)).toBe(plain)
      }),
    )
  })

  it('escaping every dollar sign gives the text back', () => {
    assert(
      property(string({ unit: constantFrom('$', '{', '}', 'A', ':', '-') }), (text) => {
        expect(fill(text.replaceAll('$', '$$$$'))).toBe(text)
      }),
    )
  })

  it('whatever a variable holds comes out as it is', () => {
    assert(
      property(string({ unit: constantFrom('$', '{', '}', 'A', ':', '-', 'é') }), (value) => {
        const variables = { lookUp: () => value, maxLength: 10_000, maxNesting: 32 }
        expect(substitute('<${V}|$V|${V:-x}>', variables)).toBe(`<${value}|${value}|${value === '' ? 'x' : value}>`)
      }),
    )
  })
})

describe('listing references', () => {
  it('finds all of them, nested ones too', () => {
    expect(listReferences('$A ${B} ${C:-x${D:?why}} $$E ${F+alt}')).toEqual([
      { name: 'A', operator: '', body: '' },
      { name: 'B', operator: '', body: '' },
      { name: 'C', operator: ':-', body: 'x${D:?why}' },
      { name: 'D', operator: ':?', body: 'why' },
      { name: 'F', operator: '+', body: 'alt' },
    ])
  })
})
