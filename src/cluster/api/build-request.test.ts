import { describe, expect, it } from 'vitest'
import { parseBuild, toEngineQuery } from './build-request.ts'

function parse(query: Record<string, string>): ReturnType<typeof parseBuild> {
  return parseBuild(new URLSearchParams(query))
}

describe('parseBuild', () => {
  it('takes conditions out of the build arguments and leaves the rest as it was', () => {
    const args = { 'constraint:node': '=n1', WHO: 'me', 'affinity:image==x': null, EMPTY: '', INHERIT: null }
    const { body, query } = parse({ buildargs: JSON.stringify(args), t: 'a:1', q: '1' })
    expect(body).toEqual({
      Env: ['constraint:node==n1', 'affinity:image==x'],
      HostConfig: { CpuShares: 0, Memory: 0 },
    })
    expect(Object.fromEntries(query)).toEqual({
      buildargs: '{"WHO":"me","EMPTY":"","INHERIT":null}',
      t: 'a:1',
      q: '1',
    })
  })

  it('reads resources and all tags, and touches nothing without conditions', () => {
    const given = 't=a%3A1&t=b&cpushares=2&memory=1048576&buildargs=%7B%22A%22%3A%221%22%7D'
    const build = parseBuild(new URLSearchParams(given))
    expect(build.body).toEqual({ Env: [], HostConfig: { CpuShares: 2, Memory: 1_048_576 } })
    expect(build.tags).toEqual(['a:1', 'b'])
    expect(build.query.toString()).toBe(given)
    expect(toEngineQuery(build, 4)).toContain('cpushares=512&')
  })

  it.each(['[1]', '{', '7'])('refuses build arguments that are no object: %s', (buildargs) => {
    expect(() => parse({ buildargs })).toThrow('buildargs is not a JSON object')
  })

  it('a key called __proto__ is just an argument', () => {
    const buildargs = '{"__proto__":"x","constraint:a":"=b"}'
    expect(parse({ buildargs }).query.get('buildargs')).toBe('{"__proto__":"x"}')
  })
})
