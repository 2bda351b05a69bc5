import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { ChildStream } from './child-stream.ts'

async function read(stream: ChildStream): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

/** The state letter of a process on Linux. */
async function readState(pid: number): Promise<string> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8')
    return /\) (\S)/.exec(text)?.[1] ?? 'unknown'
  } catch {
    return 'gone'
  }
}

describe('a program as a stream', () => {
  it('gets what is written and gives what it prints, and ending it closes its input only', async () => {
    const stream = new ChildStream(['sh', '-c', 'cat; echo after'])
    stream.end('before ')
    expect(await read(stream)).toBe('before after\n')
  })

  it('carries more than any pipe holds, both ways', async () => {
    const stream = new ChildStream(['cat'])
    const reading = read(stream)
    stream.end('x'.repeat(3_000_000))
    expect((await reading).length).toBe(3_000_000)
  })

  it('that fails says how and what it wrote to its standard error', async () => {
    const stream = new ChildStream(['sh', '-c', 'echo no route >&2; exit 255'])
    await expect(read(stream)).rejects.toMatchObject({
      code: 'io/exec',
      message: 'sh ended with exit code 255: no route',
    })
  })

  it('ends with the program, whatever that left behind holds on to its standard error', async () => {
    const stream = new ChildStream(['sh', '-c', 'sleep 1000 >/dev/null </dev/null & echo $!'])
    const pid = Number(await read(stream))
    process.kill(pid)
    expect(pid).toBeGreaterThan(1)
  })

  it('that does not exist is named', async () => {
    await expect(read(new ChildStream(['no-such-program-here']))).rejects.toMatchObject({
      code: 'io/exec',
      message: 'cannot run no-such-program-here: no such program',
    })
  })

  it('is killed with its children when it is destroyed', async () => {
    const stream = new ChildStream(['sh', '-c', 'sleep 1000 & echo $!; wait'])
    const [first] = await new Promise<[Buffer]>((resolve) => stream.once('data', (chunk: Buffer) => resolve([chunk])))
    const pid = Number(first.toString())
    stream.destroy()
    // Gone, or dead and not yet collected by whoever is its parent now.
    await expect.poll(() => readState(pid)).toMatch(/^(gone|Z)$/)
  })
})
