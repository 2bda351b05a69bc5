import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { systemClock } from '../../src/io/clock.ts'
import { execProgram } from '../../src/io/exec.ts'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Row } from './bench.ts'

/**
 * Builds of a context of 2,000 files against `docker build` of docker 20.10, which has BuildKit's client within and needs
 * no buildx, on the same engine in turns: all files new, nothing changed, one file changed. Wall time of the whole program.
 */

const files = 2000
const rounds = 3
const root = resolve(import.meta.dirname, '..', '..')
const dockerCli = '/usr/bin/docker'

interface Contender {
  readonly name: string
  readonly argv: (folder: string) => readonly [string, ...string[]]
}

const ours: readonly Contender[] = [
  { name: 'executable', argv: (folder) => [join(root, 'dist', 'exe', 'docker-compose'), ...toArgs(folder)] },
  {
    name: 'on Node',
    argv: (folder) => [process.execPath, join(root, 'dist', 'bin', 'docker-compose.cjs'), ...toArgs(folder)],
  },
]
const peer: Contender = {
  name: 'docker build 20.10',
  argv: (folder) => [dockerCli, 'build', '-q', '-t', 'bench', folder],
}

function toArgs(folder: string): readonly string[] {
  return ['--progress', 'quiet', '-f', join(folder, 'compose.yaml'), 'build']
}

export async function run(): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0 || !existsSync(dockerCli)) return []
  const folder = await mkdtemp(join(tmpdir(), 'build-bench-'))
  const running = await lab({ engines: ['20.10'], image: true, namePrefix: 'bbu' })
  try {
    const engine = `unix://${running.hosts[0]?.socketPath ?? ''}`
    const times = new Map<string, number[]>()
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, contender] of [...ours, peer].entries()) {
        const context = join(folder, `round-${round}-${index}`)
        await writeContext(context)
        for (const step of ['all files new', 'nothing changed', 'one file changed']) {
          if (step === 'one file changed') await writeFile(join(context, 'd1', 'f1'), 'changed\n')
          const name = `${step}, ${contender.name}`
          times.set(name, [...(times.get(name) ?? []), await time(contender.argv(context), engine)])
        }
      }
    }
    return toRows(times)
  } finally {
    await running.down()
    await rm(folder, { recursive: true, force: true })
  }
}

async function writeContext(context: string): Promise<void> {
  for (let index = 0; index < 20; index += 1) await mkdir(join(context, `d${index}`), { recursive: true })
  for (let index = 0; index < files; index += 1) {
    await writeFile(join(context, `d${index % 20}`, `f${index}`), `${context} ${index}\n`.repeat(50))
  }
  await writeFile(join(context, 'Dockerfile'), 'FROM flotilla/sample:latest\nCOPY . /context\n')
  await writeFile(join(context, 'compose.yaml'), 'name: bench\nservices: { web: { image: bench, build: . } }\n')
}

async function time(argv: readonly [string, ...string[]], engine: string): Promise<number> {
  const start = process.hrtime.bigint()
  const result = await execProgram(argv, {
    clock: systemClock,
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', DOCKER_HOST: engine, DOCKER_BUILDKIT: '1' },
  })
  if (result.code !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr}`)
  return Number(process.hrtime.bigint() - start) / 1e6
}

function toRows(times: ReadonlyMap<string, readonly number[]>): readonly Row[] {
  const median = (name: string): number =>
    [...(times.get(name) ?? [])].sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? NaN
  return ['all files new', 'nothing changed', 'one file changed'].flatMap((step) =>
    ours.map((contender): Row => {
      const value = median(`${step}, ${contender.name}`)
      const against = median(`${step}, ${peer.name}`)
      return {
        name: `build, ${files} files, ${step}, ${contender.name}`,
        value,
        unit: 'ms',
        against: { name: peer.name, value: against, ratio: value / against },
      }
    }),
  )
}
