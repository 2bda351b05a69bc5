import type { Context } from '../../cli/command.ts'

/** Asks on stdout and reads one line of stdin. Anything but a word starting with y is no; so is the end of input. */
export async function confirm(ctx: Context, question: string): Promise<boolean> {
  ctx.stdout.write(question)
  let text = ''
  for await (const chunk of ctx.stdin) {
    text += String(chunk)
    if (text.includes('\n')) break
  }
  return /^\s*y/i.test(text)
}
