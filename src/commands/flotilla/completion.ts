import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { goQuote } from '../../core/goquote.ts'
import { findNearest } from '../../core/suggest.ts'
import { renderBashCompletion, renderFishCompletion, renderZshCompletion } from './completion-script.ts'
import type { completionFlags } from './table.ts'

const renderers: Readonly<Record<string, (program: string) => string>> = {
  bash: renderBashCompletion,
  zsh: renderZshCompletion,
  fish: renderFishCompletion,
}

const programs = ['flotilla', 'docker-machine', 'docker-compose', 'swarm']

/** `flotilla completion SHELL [PROGRAM]`: the script to source, on stdout. */
export const run: Run<typeof completionFlags> = async (ctx, _flags, args) => {
  const [shell, program = ctx.personality.program, ...extra] = args
  if (shell === undefined || extra.length > 0) {
    throw new FlotillaError('cli/usage', 'expected the name of a shell and at most one program', {
      hint: 'for instance: flotilla completion bash docker-machine',
      exitCode: 2,
    })
  }
  const render = Object.hasOwn(renderers, shell) ? renderers[shell] : undefined
  if (render === undefined) throw unknown('shell', shell, Object.keys(renderers))
  if (!programs.includes(program)) throw unknown('program', program, programs)
  ctx.stdout.write(render(program))
}

function unknown(what: string, given: string, known: readonly string[]): FlotillaError {
  const near = findNearest(given, known)
  return new FlotillaError('cli/invalid-value', `no completion for the ${what} ${goQuote(given)}`, {
    hint: near === undefined ? `known are: ${known.join(', ')}` : `did you mean ${goQuote(near)}?`,
    exitCode: 2,
  })
}
