import type { Context } from '../../cli/command.ts'
import { promptLine } from '../../ui/prompt.ts'

/** Asks on stdout and reads one line of stdin. Anything but a word starting with y is no; so is the end of input. */
export async function confirm(ctx: Context, question: string): Promise<boolean> {
  const answer = await promptLine(question, { stdin: ctx.stdin, stdout: ctx.stdout, signal: ctx.signal })
  return /^\s*y/i.test(answer ?? '')
}
