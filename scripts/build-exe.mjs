// `npm run build:exe`: makes the single-file executable dist/exe/flotilla with Bun, and links of the other
// names beside it. The executable takes its behaviour from the name it is called by.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

const root = join(import.meta.dirname, '..')
// The platform package holds the binary itself: nothing is downloaded, no install script has to run.
const bun = join(root, 'node_modules', '@oven', `bun-${process.platform}-${process.arch}`, 'bin', 'bun')
if (!existsSync(bun)) {
  console.error(
    `no Bun for ${process.platform}/${process.arch}: install the package @oven/bun-${process.platform}-${process.arch}`,
  )
  process.exit(1)
}

run(process.execPath, [join(root, 'scripts', 'build.mjs')])
const folder = join(root, 'dist', 'exe')
mkdirSync(folder, { recursive: true })
const temporary = join(folder, `.flotilla.${process.pid}`)
run(bun, [
  'build',
  '--compile',
  '--minify',
  '--bytecode',
  // Optimizing code costs a command more than it gains: with the usual thresholds half of the processor time of
  // `up` with nothing to do went there. src/bin/jit-policy.ts goes back to them in programs that run on.
  '--compile-jit-policy=30',
  // Optional native parts of ssh2, ws and the proxy agents, which do without.
  ...['cpu-features', '*.node', 'bufferutil', 'utf-8-validate', 'kerberos'].flatMap((name) => ['--external', name]),
  // A stray bunfig.toml or .env of the folder the program is called in must not change it.
  '--no-compile-autoload-dotenv',
  '--no-compile-autoload-bunfig',
  join(root, 'dist', 'bin', 'program.cjs'),
  '--outfile',
  temporary,
])
const product = join(folder, 'flotilla')
renameSync(temporary, product)
for (const name of ['docker-machine', 'docker-compose', 'swarm']) {
  const link = join(folder, name)
  rmSync(link, { force: true })
  symlinkSync('flotilla', link)
}
console.log(`built dist/exe/flotilla, ${Math.round(statSync(product).size / 1e6)} MB`)

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (result.status === 0) return
  console.error(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`.trimEnd())
  process.exit(1)
}
