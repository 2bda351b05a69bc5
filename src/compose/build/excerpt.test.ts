import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { FlotillaError } from '../../core/errors.ts'
import { findSource } from '../../engine/buildkit/source.ts'
import { GRPC, GrpcError } from '../../io/h2/grpc.ts'
import { renderExcerpt } from './excerpt.ts'

const type = 'github.com/moby/buildkit/errdefs.Source+json'

function refuse(value: unknown, name = type): FlotillaError {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const details = [
    { type: 'github.com/moby/buildkit/stack.Stack+json', value: Buffer.from('{}') },
    { type: name, value: Buffer.from(text) },
  ]
  const cause = new GrpcError(GRPC.unknown, 'no', details)
  return new FlotillaError('engine/bad-request', 'no', { cause })
}

function sourceOf(text: string, ...ranges: readonly (readonly [number, number])[]): unknown {
  return {
    info: { filename: 'web.Dockerfile', data: Buffer.from(text).toString('base64') },
    ranges: ranges.map(([first, last]) => ({ start: { line: first }, end: { line: last } })),
  }
}

function excerptOf(text: string, ...ranges: readonly (readonly [number, number])[]): string {
  const source = findSource(refuse(sourceOf(text, ...ranges)))
  return source === undefined ? '' : renderExcerpt(source).join('\n')
}

describe('the place of a fault in a Dockerfile', () => {
  // As buildx 0.29 prints them, blanks at ends of lines aside.
  it('is shown with two lines around a single one', () => {
    const rule = '--------------------'
    expect(excerptOf('a\nb\r\nc\nd\ne\nf\n', [4, 4])).toBe(
      [
        'web.Dockerfile:4',
        rule,
        '   2 |     b',
        '   3 |     c',
        '   4 | >>> d',
        '   5 |     e',
        '   6 |     f',
        rule,
      ].join('\n'),
    )
    expect(excerptOf('a\nb\n', [1, 1])).toBe(
      ['web.Dockerfile:1', rule, '   1 | >>> a', '   2 |     b', '   3 |', rule].join('\n'),
    )
  })

  it('is shown with one line around several', () => {
    const shown = excerptOf('a\nb\nc\nd\ne\nf\n', [3, 3], [4, 4]).split('\n').slice(2, -1)
    expect(shown).toEqual(['   2 |     b', '   3 | >>> c', '   4 | >>> d', '   5 |     e'])
  })

  it('does not steer the terminal', () => {
    expect(excerptOf('\u001b[2Jx\u0007\n', [1, 1])).toContain('   1 | >>> x\n')
  })

  it.each([
    ['no JSON', '{'],
    ['nothing', 'null'],
    ['no text', { info: { filename: 'D' }, ranges: [] }],
    ['no line', sourceOf('a')],
    ['lines that are not there', sourceOf('a', [7, 9])],
    ['numbers that are none', { info: { filename: 'D', data: 'YQ==' }, ranges: [{ start: { line: '1' } }] }],
  ])('is unknown where the refusal has %s', (_, value) => {
    expect(findSource(refuse(value))).toBeUndefined()
  })

  it('is unknown without a refusal, or one of another kind', () => {
    expect(findSource(new Error('x'))).toBeUndefined()
    expect(findSource(refuse(sourceOf('a', [1, 1]), 'other/errdefs.SourceMap+json'))).toBeUndefined()
  })
})
