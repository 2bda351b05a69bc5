import { describe, expect, it } from 'vitest'
import { readDockerfileImages } from './dockerfile.ts'

function bases(text: string, args: Readonly<Record<string, string>> = {}, target?: string): readonly string[] {
  return readDockerfileImages(text, { args, target }).bases
}

describe('the images of a Dockerfile', () => {
  it('are what stages begin with and take files from, without stages and scratch', () => {
    const text = `
      FROM --platform=linux/amd64 golang:1 AS Build
      RUN --mount=type=cache,target=/c --mount=type=bind,from=tools:2,target=/t true
      FROM scratch
      COPY --from=build /a /a
      COPY --chown=1 --from=0 /b /b
      copy --from=certs:3 /c /c
      FROM build
      ADD --from="quoted:4" /d /d
      RUN echo --mount=type=bind,from=no
    `
    expect(bases(text)).toEqual(['golang:1', 'tools:2', 'certs:3', 'quoted:4'])
  })

  it('are those up to the stage that is wanted', () => {
    const text = 'FROM a AS one\nFROM b AS two\nFROM c AS three\n'
    expect([bases(text, {}, 'TWO'), bases(text)]).toEqual([
      ['a', 'b'],
      ['a', 'b', 'c'],
    ])
  })

  it.each([
    ['ARG BASE=own/base\nARG TAG="1"\nFROM $BASE:${TAG}', {}, ['own/base:1']],
    ['ARG BASE=own/base\nFROM ${BASE}', { BASE: 'given:2' }, ['given:2']],
    ['ARG V\nFROM a:${V:-latest}', {}, ['a:latest']],
    ['ARG V=3\nFROM a${V:+:$V}', {}, []],
    ['ARG V=3\nFROM a${V:+:x}', {}, ['a:x']],
    ['ARG A=1 B=2\nARG C=x$A\nFROM i:$C-$B', {}, ['i:x1-2']],
    ['ARG V\nFROM $V', {}, []],
    ['FROM a:$UNKNOWN', {}, []],
    ['FROM a\nARG X=1\nFROM b:${X:-none}', {}, ['a', 'b:none']],
  ])('get the values of arguments before the first stage: %j', (text, args, expected) => {
    expect(bases(text, args as Record<string, string>)).toEqual(expected)
  })

  it('are read over continued lines, and not out of comments and here-documents', () => {
    const text = [
      '# escape=`',
      '',
      'FROM `',
      '  # a comment',
      '  real:1',
      'RUN <<EOF <<-"MORE"',
      'FROM no:1',
      'EOF',
      'FROM no:2',
      '\tMORE',
      '# FROM no:3',
      'COPY --from=real:2 a b',
    ].join('\r\n')
    expect(bases(text)).toEqual(['real:1', 'real:2'])
  })

  it('come with the frontend that reads the file', () => {
    expect(readDockerfileImages('# syntax = own/frontend:1\nFROM a', { args: {} })).toEqual({
      bases: ['a'],
      frontend: 'own/frontend:1',
    })
    expect(readDockerfileImages('FROM a\n# syntax=b', { args: {} }).frontend).toBeUndefined()
  })

  it('are names and nothing else, and not without end', () => {
    const many = Array.from({ length: 1000 }, (_, index) => `FROM image${index}`).join('\n')
    expect(bases(many)).toHaveLength(64)
    expect(bases('FROM a,b\nFROM ../x\nFROM "a\tb"\nFROM \u001b[31m')).toEqual([])
    expect(bases(`FROM ${'$'.repeat(200_000)}\n${'\\\n'.repeat(100_000)}`)).toEqual([])
  })
})

it.each(['RUN cat <<<word', 'RUN echo $((1<<A))', 'RUN echo "<<A"'])('takes %s for no here-document', (line) => {
  expect(readDockerfileImages(`FROM a\n${line}\nFROM b`, { args: {} }).bases).toEqual(['a', 'b'])
})

it('expands no argument to more than a name can be long', () => {
  const text = `ARG A=xxxxxxxxxx\n${'ARG A=$A$A\n'.repeat(40)}FROM $A\nFROM b`
  expect(readDockerfileImages(text, { args: {} }).bases).toEqual(['b'])
  const wide = `ARG A=${'x'.repeat(1000)}\nFROM ${'$A'.repeat(600_000)}\nFROM b`
  expect(readDockerfileImages(wide, { args: {} }).bases).toEqual(['b'])
})
