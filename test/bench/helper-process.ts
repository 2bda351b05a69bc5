import { fork } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'

/** A program of this folder that runs beside the benchmark: load and fake engines must not share its time. */
export interface HelperProcess<Order, Report> {
  /** What it said when it was ready. */
  readonly hello: unknown
  readonly pid: number
  /** One at a time. @throws Error when the process ends instead of answering */
  order(order: Order): Promise<Report>
  stop(): Promise<void>
}

/** @param name of a file here, `lists-process`; it sends one message when it is ready and one for each order */
export async function startHelper<Order extends object, Report>(
  name: string,
  args: readonly string[] = [],
): Promise<HelperProcess<Order, Report>> {
  const program = join(process.cwd(), 'dist', 'bench', `${name}.mjs`)
  const child = fork(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  function next(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      function gone(): void {
        reject(new Error(`${name} ended`))
      }
      child.once('message', (value) => {
        child.off('exit', gone)
        resolve(value)
      })
      child.once('exit', gone)
    })
  }
  const hello = await next()
  return {
    hello,
    pid: child.pid ?? 0,
    async order(order) {
      const answer = next()
      child.send(order)
      return (await answer) as Report
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const end = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await end
    },
  }
}
