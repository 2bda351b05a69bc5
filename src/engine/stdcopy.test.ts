import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeDemultiplexer, renderFrame } from './stdcopy.ts'
import type { OutputChunk } from './stdcopy.ts'

/** Cuts bytes at the given places, taken modulo what is left. */
function cut(whole: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (const size of sizes) {
    pieces.push(whole.subarray(at, at + size))
    at += size
  }
  pieces.push(whole.subarray(at))
  return pieces
}

function join(chunks: readonly OutputChunk[]): { stream: string; text: string }[] {
  const runs: { stream: string; text: string }[] = []
  for (const { stream, data } of chunks) {
    const last = runs.at(-1)
    if (last?.stream === stream) last.text += data.toString('latin1')
    else runs.push({ stream, text: data.toString('latin1') })
  }
  return runs
}

describe('the demultiplexer', () => {
  it('gives the same output however the bytes are cut', () => {
    const frame = fc.record({
      stream: fc.constantFrom('stdout' as const, 'stderr' as const),
      data: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    })
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.nat({ max: 20 })), (frames, sizes) => {
        const wire = Buffer.concat(frames.map(({ stream, data }) => renderFrame(stream, data)))
        const demultiplexer = makeDemultiplexer()
        const out = cut(wire, sizes).flatMap((piece) => demultiplexer.push(piece))
        demultiplexer.end()
        expect(join(out)).toEqual(join(frames.filter(({ data }) => data.length > 0)))
      }),
      { numRuns: 1000 },
    )
  })

  it('never fails in any way but its own on any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (pieces) => {
        const demultiplexer = makeDemultiplexer()
        try {
          for (const piece of pieces) demultiplexer.push(Buffer.from(piece))
          demultiplexer.end()
        } catch (error) {
          expect(error).toMatchObject({ name: 'FlotillaError', code: expect.stringMatching(/^engine\//) })
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('hands on what it has of a long frame', () => {
    const demultiplexer = makeDemultiplexer()
    const wire = renderFrame('stderr', Buffer.from('abcdef'))
    expect(demultiplexer.push(wire.subarray(0, 11))).toEqual([{ stream: 'stderr', data: Buffer.from('abc') }])
    expect(() => demultiplexer.end()).toThrow('the output ended in the middle of a frame')
  })

  it('raises what the engine reports inside the stream', () => {
    const frame = renderFrame('stdout', Buffer.from('disk is gone\n'))
    frame[0] = 3
    expect(() => makeDemultiplexer().push(frame)).toThrow(
      expect.objectContaining({ code: 'engine/server', message: 'error from daemon in stream: disk is gone' }),
    )
  })

  it('names bytes that are no frame', () => {
    expect(() => makeDemultiplexer().push(Buffer.from('plain text'))).toThrow(
      'unexpected bytes 706c61696e207465 where a frame head belongs',
    )
  })
})
