import { describe, expect, it } from 'vitest'

/** The script is plain JavaScript without types, as it runs before anything is installed. */
interface SystemPackages {
  readonly packagesOf: Readonly<Record<string, readonly string[]>>
  readonly missingPackages: (job: string, has?: (proof: string) => boolean) => readonly string[]
}

const path = '../scripts/system-packages.mjs'

async function load(): Promise<SystemPackages> {
  return (await import(path)) as SystemPackages
}

describe('system packages', () => {
  it('a job misses exactly the packages whose program is not there', async () => {
    const { missingPackages } = await load()
    expect(missingPackages('start', () => true)).toEqual([])
    expect(missingPackages('start', (proof) => proof !== 'dockerd' && proof !== 'tini')).toEqual(['docker.io', 'tini'])
  })

  it('an engine that came another way than from Debian is good enough', async () => {
    const { missingPackages } = await load()
    const asked: string[] = []
    missingPackages('test', (proof) => asked.push(proof) > 0)
    expect(asked).toContain('dockerd')
    expect(asked).not.toContain('docker.io')
  })

  it('tests and benchmarks need all that the quick start needs', async () => {
    const { packagesOf } = await load()
    expect(Object.keys(packagesOf)).toEqual(['start', 'test', 'bench', 'vm'])
    for (const job of ['test', 'bench'])
      expect(packagesOf[job]).toEqual(expect.arrayContaining([...packagesOf['start']!]))
  })
})

describe('npm run bench', () => {
  it('takes the benchmarks whose name contains a word, and lists no other files', async () => {
    const script = '../scripts/benchmarks.mjs'
    const { chooseBenchmarks, listBenchmarks } = (await import(script)) as {
      readonly chooseBenchmarks: (files: readonly string[], words: readonly string[]) => readonly string[]
      readonly listBenchmarks: (files: readonly string[]) => string
    }
    const files = ['start.bench.ts', 'haproxy.ts', 'load-lists.bench.ts', 'lists-process.ts']
    expect(chooseBenchmarks(files, ['list'])).toEqual(['load-lists.bench.ts'])
    expect(chooseBenchmarks(files, [])).toEqual(['load-lists.bench.ts', 'start.bench.ts'])
    expect(chooseBenchmarks(files, ['NOSUCH'])).toEqual([])
    expect(listBenchmarks(files)).toBe('there are: load-lists start')
  })
})
