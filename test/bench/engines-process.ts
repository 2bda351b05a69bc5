import process from 'node:process'
import { startFakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import { endProgram, logBytes } from './fake-programs.ts'

/**
 * Engines that act like real ones, as a process of its own: `engines-process.mjs COUNT CONTAINERS`. On each run containers
 * whose program gives back what it is sent, and one that says much and waits. An order asks how the engines are.
 */
export interface EnginesHello {
  readonly addresses: readonly string[]
  /** Containers that give back what they are sent. */
  readonly echoes: readonly string[]
  /** Containers that have written `logBytes`. */
  readonly talkers: readonly string[]
}

const [count = 1, containers = 1] = process.argv.slice(2).map(Number)
const image = 'busybox:latest'
const engines: FakeEngine[] = []
const echoes: string[] = []
const talkers: string[] = []
for (let index = 0; index < count; index += 1) {
  const engine = await startFakeEngine({
    name: `engine-${index}`,
    images: [image],
    programs: {
      [endProgram]: async (program) => {
        for await (const chunk of program.stdin) program.write('stdout', chunk)
        return Number(program.args[1] ?? 0)
      },
      talk: async (program) => {
        const line = `${'t'.repeat(1023)}\n`
        for (let at = 0; at < logBytes; at += line.length) program.write('stdout', line)
        await new Promise((resolve) => program.signal.addEventListener('abort', resolve))
        return 0
      },
    },
  })
  engines.push(engine)
  for (let at = 0; at < containers; at += 1) {
    const echo = engine.addContainer(
      { Image: image, Cmd: ['cat'], OpenStdin: true },
      { name: `echo-${index}-${at}`, start: true },
    )
    echoes.push(echo)
  }
  talkers.push(engine.addContainer({ Image: image, Cmd: ['talk'] }, { name: `talk-${index}`, start: true }))
}

process.on('disconnect', () => process.exit(0))
process.send?.({
  addresses: engines.map(({ endpoint }) => (endpoint.kind === 'tcp' ? `${endpoint.host}:${endpoint.port}` : '')),
  echoes,
  talkers,
} satisfies EnginesHello)
