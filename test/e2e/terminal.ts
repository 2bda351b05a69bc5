import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { systemClock } from '../../src/io/clock.ts'
import { pollUntil } from '../../src/io/process-identity.ts'

/**
 * Runs a program on a pseudo-terminal of its own. Python makes the terminal: Node cannot. It takes one JSON value a
 * line: a text to type, a window size, or a signal for the program.
 */
const relay = `
import fcntl, json, os, pty, select, signal, struct, sys, termios
def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
pid, fd = pty.fork()
if pid == 0:
    resize(0, 30, 100)
    os.execvp(sys.argv[1], sys.argv[1:])
inputs, rest = [fd, 0], b''
while True:
    ready, _, _ = select.select(inputs, [], [])
    if 0 in ready:
        data = os.read(0, 65536)
        if not data:
            inputs.remove(0)
        *lines, rest = (rest + data).split(b'\\n')
        for line in lines:
            order = json.loads(line)
            if 'text' in order:
                os.write(fd, order['text'].encode())
            elif 'size' in order:
                resize(fd, *order['size'])
                os.kill(pid, signal.SIGWINCH)
            else:
                os.kill(pid, getattr(signal, order['signal']))
    if fd in ready:
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b''
        if not data:
            break
        os.write(1, data)
_, status = os.waitpid(pid, 0)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
`

/** One program on its terminal, 30 rows of 100 columns. */
export class TerminalSession {
  readonly #child: ChildProcessWithoutNullStreams
  #screen = ''

  constructor(command: readonly [string, ...string[]], options: { cwd: string; env: Record<string, string> }) {
    this.#child = spawn('python3', ['-c', relay, ...command], options)
    this.#child.stdin.on('error', () => {})
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.#screen += text))
    }
  }

  /** All that was printed so far. */
  get screen(): string {
    return this.#screen
  }

  type(text: string): void {
    this.#order({ text })
  }

  resize(rows: number, columns: number): void {
    this.#order({ size: [rows, columns] })
  }

  signal(name: string): void {
    this.#order({ signal: name })
  }

  /** Waits for a text on the screen. */
  async shows(pattern: RegExp, limitMs = 60_000): Promise<boolean> {
    return pollUntil(() => Promise.resolve(pattern.test(this.#screen)), limitMs, systemClock, { everyMs: 30 })
  }

  /** The exit code of the program; its end is forced when it takes too long. */
  async ended(limitMs = 60_000): Promise<number | null> {
    const isOver = await pollUntil(() => Promise.resolve(this.#child.exitCode !== null), limitMs, systemClock, {
      everyMs: 30,
    })
    if (!isOver) this.close()
    return this.#child.exitCode
  }

  close(): void {
    this.#child.kill('SIGKILL')
  }

  #order(value: object): void {
    this.#child.stdin.write(`${JSON.stringify(value)}\n`)
  }
}
