import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { CallOptions } from '../../core/call.ts'
import { toAbortError } from '../../core/deadline.ts'
import { FlotillaError } from '../../core/errors.ts'
import { quoteShell, quoteShellWords } from '../../core/shell-quote.ts'
import { codeOf } from '../../io/files.ts'
import type { CopyEnd } from './copy-end.ts'
import {
  cannotList,
  listScript,
  lookScript,
  parseFound,
  parseListing,
  receiveFileScript,
  receiveFolderScript,
  sendFileScript,
  sendFolderScript,
  sendSomeScript,
} from './shell-scripts.ts'

/** A command that runs in a machine's shell. */
export interface ShellRun {
  readonly stdin: Writable
  readonly stdout: Readable
  /** Its exit code, and the last of what it wrote to its standard error. Never rejects. */
  readonly ended: Promise<{ readonly code: number; readonly stderr: string }>
  kill(): void
}

/** A script under way. */
interface Script extends ShellRun {
  /** False when the shell has printed all and nothing of the script. */
  readonly hasBegun: Promise<boolean>
}

/** Most that may come before the answer of a command, from shells that greet. */
const maxGreetingBytes = 1024 * 1024

/** A machine. @param start runs a command line in the machine's shell */
export function shellEnd(name: string, start: (command: string) => ShellRun): CopyEnd {
  const prefix = `${name}:`

  function begin(script: string, args: readonly string[], o: CallOptions): Script {
    // A shell may greet before it runs anything.
    const mark = `flotilla-copy-${randomBytes(8).toString('hex')}`
    const text = `printf '%s\\n' ${mark}\n${script}`
    const run = start(`exec sh -c ${quoteShell(text)} sh ${quoteShellWords(args)}`)
    let isOver = false
    const kill = (): void => {
      if (!isOver) run.kill()
    }
    o.signal?.addEventListener('abort', kill, { once: true })
    void run.ended.then(() => {
      isOver = true
      o.signal?.removeEventListener('abort', kill)
    })
    run.stdin.on('error', () => {})
    // Node throws away what a program has printed by its end and nobody has begun to read.
    const printed = new PassThrough()
    run.stdout.on('error', (error) => printed.destroy(error))
    run.stdout.pipe(printed)
    let tell: (hasBegun: boolean) => void = () => {}
    const hasBegun = new Promise<boolean>((resolve) => (tell = resolve))
    const stdout = Readable.from(skipGreeting(printed, mark, tell), { objectMode: false })
    return { ...run, kill, stdout, hasBegun }
  }

  async function finish(run: Script, path: string, o: CallOptions): Promise<void> {
    const { code, stderr } = await run.ended
    if (o.signal?.aborted === true) throw toAbortError(o.signal)
    if (code !== 0) throw new FlotillaError('machine/driver', describe(prefix, path, code, stderr))
    // A login that ends early, with a menu or a notice, must not pass for an empty answer.
    if (!(await run.hasBegun)) {
      throw new FlotillaError('machine/driver', `cannot copy ${prefix}${path}: the shell of the machine ran nothing`)
    }
  }

  async function ask(script: string, args: readonly string[], o: CallOptions): Promise<[string, Script]> {
    const run = begin(script, args, o)
    run.stdin.end()
    const pieces: Buffer[] = []
    for await (const piece of run.stdout) pieces.push(piece as Buffer)
    return [Buffer.concat(pieces).toString('utf8'), run]
  }

  /** What a command prints; it fails at its end when the command does, and ends the command when nobody reads on. */
  async function* read(run: Script, path: string, o: CallOptions): AsyncGenerator<Uint8Array, void> {
    try {
      for await (const piece of run.stdout) yield piece as Uint8Array
      await finish(run, path, o)
    } finally {
      run.kill()
    }
  }

  function send(script: string, path: string, input: string, o: CallOptions): Readable {
    const run = begin(script, [path], o)
    run.stdin.end(input)
    return Readable.from(read(run, path, o), { objectMode: false })
  }

  async function receive(
    script: string,
    args: readonly [string, ...string[]],
    bytes: Readable,
    o: CallOptions,
  ): Promise<void> {
    const run = begin(script, args, o)
    run.stdout.resume()
    let failure: unknown
    await pipeline(bytes, run.stdin).catch((error: unknown) => (failure = error))
    // Where the sender failed, what has come by then must not count as all there is. A reader that has gone says why itself.
    if (failure !== undefined && !isReaderGone(failure)) {
      run.kill()
      throw failure
    }
    await finish(run, args[0], o)
    if (failure !== undefined) throw failure
  }

  return {
    prefix,
    async look(path, hasPatterns, o) {
      const [text, run] = await ask(lookScript, [path, hasPatterns ? 'patterns' : ''], o)
      await finish(run, path, o)
      return parseFound(text)
    },
    sendFile: (path, o) => send(sendFileScript, path, '', o),
    sendFolder: (path, only, o) =>
      only === undefined
        ? send(sendFolderScript, path, '', o)
        : send(sendSomeScript, path, only.map((name) => `./${name}\n`).join(''), o),
    receiveFile: (path, { mode, modifiedS }, bytes, o) =>
      receive(receiveFileScript, [path, toOctal(mode), modifiedS === undefined ? '' : String(modifiedS)], bytes, o),
    receiveFolder: (path, { mode, makesParents }, archive, o) =>
      receive(receiveFolderScript, [path, toOctal(mode), makesParents ? '-p' : ''], archive, o),
    async list(path, o) {
      const [text, run] = await ask(listScript, [path], o)
      const { code } = await run.ended
      if (code === cannotList) return undefined
      await finish(run, path, o)
      return parseListing(text)
    },
  }
}

function isReaderGone(error: unknown): boolean {
  return codeOf(error) === 'EPIPE' || codeOf(error) === 'ERR_STREAM_PREMATURE_CLOSE'
}

/** @param tell whether the mark has come */
async function* skipGreeting(
  stdout: Readable,
  mark: string,
  tell: (hasBegun: boolean) => void,
): AsyncGenerator<Uint8Array, void> {
  const wanted = Buffer.from(`${mark}\n`)
  let held: Buffer | undefined = Buffer.alloc(0)
  for await (const piece of stdout) {
    if (held === undefined) {
      yield piece as Uint8Array
      continue
    }
    held = Buffer.concat([held, piece as Buffer])
    const at = held.indexOf(wanted)
    if (at >= 0) {
      const rest = held.subarray(at + wanted.length)
      held = undefined
      tell(true)
      if (rest.length > 0) yield rest
    } else if (held.length > maxGreetingBytes) {
      throw new FlotillaError('machine/driver', 'the shell of the machine prints without end')
    }
  }
  tell(held === undefined)
}

function describe(prefix: string, path: string, code: number, stderr: string): string {
  const said = stderr.trim().split('\n').slice(-3).join('\n')
  return `cannot copy ${prefix}${path}: ${said === '' ? `the shell ended with exit code ${code}` : said}`
}

function toOctal(mode: number): string {
  return (mode & 0o777).toString(8)
}
