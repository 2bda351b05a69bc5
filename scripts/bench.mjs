// Runs the benchmarks of test/bench one after the other and prints one table. Each file exports
// `run(): Promise<Row[]>`; a row that has something to compare with prints the ratio of the same run.
// `npm run bench -- schedule start` runs only the files whose name contains one of the words.
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { chooseBenchmarks, listBenchmarks } from './benchmarks.mjs'
import { ensureNpmPackages, root } from './npm-packages.mjs'
import { ensureSystemPackages } from './system-packages.mjs'

const words = process.argv.slice(2)
const folder = join(root, 'test', 'bench')
const all = readdirSync(folder)
const files = chooseBenchmarks(all, words)
if (words.some((word) => word === '--help' || word === '-h')) {
  console.log(`npm run bench -- [WORD...] runs the benchmarks whose name contains a word; ${listBenchmarks(all)}`)
  process.exit(0)
}
if (files.length === 0) {
  console.error(`no benchmark matches ${words.join(' ')}; ${listBenchmarks(all)}`)
  process.exit(1)
}

ensureNpmPackages()
ensureSystemPackages('bench')
const { ensureBuilt } = await import('./built.mjs')
ensureBuilt({ executable: true })

// Programs that benchmarks start as processes of their own.
const helpers = all.filter((file) => file.endsWith('-process.ts'))

const { rolldown } = await import('rolldown')
const outDir = join(root, 'dist', 'bench')
rmSync(outDir, { recursive: true, force: true })
const bundle = await rolldown({
  input: Object.fromEntries([...files, ...helpers].map((file) => [file.replace(/\.ts$/, ''), join(folder, file)])),
  platform: 'node',
  external: [/^node:/, /\.node$/, 'cpu-features'],
  logLevel: 'warn',
})
await bundle.write({ dir: outDir, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: 'chunk-[hash].mjs' })
await bundle.close()

/**
 * The marks were set on a quiet machine where Node itself starts in 45 ms. Ratios hold anywhere; whoever reads a time or
 * a rate from elsewhere has to know how fast the machine was in this very run, before and after.
 */
function printSpeed() {
  const times = Array.from({ length: 9 }, () => {
    const start = performance.now()
    spawnSync(process.execPath, ['-e', '0'], { stdio: 'ignore' })
    return performance.now() - start
  }).sort((a, b) => a - b)
  const ms = times[times.length >> 1] ?? Number.NaN
  console.log(
    `\nspeed\n  bare Node starts in ${ms.toFixed(0)} ms (median of 9), ${(ms / 45).toFixed(1)} × as long as where the marks were set`,
  )
}

printSpeed()
let failed = 0
for (const file of files) {
  const name = file.replace('.bench.ts', '')
  console.log(`\n${name}`)
  // A process of its own per file: one benchmark's heap and compiled code must not colour the next.
  const result = spawnSync(
    process.execPath,
    ['--expose-gc', join(root, 'scripts', 'bench-one.mjs'), join(outDir, `${name}.bench.mjs`)],
    {
      stdio: 'inherit',
      cwd: root,
    },
  )
  if (result.status !== 0) failed += 1
}
printSpeed()
process.exitCode = failed === 0 ? 0 : 1
