import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { parseBody, renderBody } from './body-json.ts'
import { countTurns } from '../../testing/count-turns.ts'

const limits = { jsonDepth: 128, jsonValues: 1000 }

/** How often others had their turn while something ran. */
async function turnsDuring(run: () => Promise<unknown>): Promise<number> {
  const endTurns = countTurns()
  await run()
  return endTurns()
}

describe('the JSON of a body', () => {
  it('is read once, however many look at it', async () => {
    const bytes = Buffer.from('{"Image":"box:1","Memory":12345678901234567890}')
    const first = await parseBody(bytes, limits)
    expect(await parseBody(bytes, limits)).toBe(first)
    expect(await parseBody(Buffer.from(bytes), limits)).not.toBe(first)
  })

  it('need not be read again where it was written anew', async () => {
    const value = { Image: '<box>' }
    const bytes = renderBody(value)
    expect(bytes.toString()).toBe('{"Image":"<box>"}')
    expect(await parseBody(bytes, limits)).toBe(value)
  })

  it('lets others have their turn after a large one', async () => {
    const large = Buffer.from(JSON.stringify({ Labels: { a: 'x'.repeat(100_000) } }))
    expect(await turnsDuring(() => parseBody(large, limits))).toBeGreaterThan(0)
    expect(await turnsDuring(() => parseBody(Buffer.from('{}'), limits))).toBe(0)
  })

  it.each([
    [`[${'{},'.repeat(1000)}{}]`, 'invalid request body: JSON has more than 1000 values'],
    [`${'['.repeat(200)}${']'.repeat(200)}`, 'invalid request body: JSON is nested deeper than 128 levels'],
    ['{', 'invalid request body: unexpected end of JSON input'],
  ])('is refused: %.10s', async (text, message) => {
    await expect(parseBody(Buffer.from(text), limits)).rejects.toMatchObject({ status: 400, message })
  })
})
