import { expect, it } from 'vitest'
import { makeLabelledLines } from './labelled-lines.ts'

it('lines are written whole, whatever pieces they come in and whoever else writes', () => {
  const seen: string[] = []
  const stream = (name: string): { write(text: string): void } => ({
    write: (text) => void seen.push(`${name} ${JSON.stringify(text)}`),
  })
  const write = makeLabelledLines({ stdout: stream('out'), stderr: stream('err') })
  write('web-1 ->', 'stdout', 're')
  write('web-2 ->', 'stdout', 'reloa')
  write('web-1 ->', 'stderr', 'odd\n')
  write('web-1 ->', 'stdout', 'loaded\nand\n\nmo')
  write('web-2 ->', 'stdout', 'ded')
  write('web-2 ->', 'stdout', '\n')
  write('web-1 ->', 'stdout', 're\n')
  expect(seen).toEqual([
    'err "web-1 -> odd\\n"',
    'out "web-1 -> reloaded\\nweb-1 -> and\\nweb-1 -> \\n"',
    'out "web-2 -> reloaded\\n"',
    'out "web-1 -> more\\n"',
  ])
})
