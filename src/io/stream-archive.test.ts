import { setTimeout as sleep } from 'node:timers/promises'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { streamArchive } from './stream-archive.ts'

describe('an archive that is written while it is consumed', () => {
  it('begins when somebody wants it, and a failure waits for whom it concerns', async () => {
    let begun = 0
    const archive = streamArchive(async (tar) => {
      begun += 1
      tar.entry({ name: 'a' }, 'text')
      throw new Error('gone')
    })
    await sleep(5)
    expect(begun).toBe(0)
    await expect(text(archive)).rejects.toThrow('gone')
  })

  it('has its end behind the entries', async () => {
    const archive = streamArchive(async (tar) => void tar.entry({ name: 'a' }, 'text'))
    const read = await text(archive)
    expect(read).toContain('text')
    expect(read).toHaveLength(2048)
  })

  it('is filled no further when the consumer has gone', async () => {
    let end: (() => void) | undefined
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const archive = streamArchive(async (tar) => {
      const entry = tar.entry({ name: 'a', size: 1_000_000 })
      entry.on('error', () => end?.())
      entry.on('close', () => end?.())
      entry.write('x')
      await ended
    })
    for await (const piece of archive) {
      expect(piece).toBeDefined()
      break
    }
    await ended
    expect(archive.destroyed).toBe(true)
  })
})
