// `npm run build:exe`: makes the single-file executable dist/exe/flotilla with Bun, and links of the other
// names beside it. The executable takes its behaviour from the name it is called by.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

const root = join(import.meta.dirname, '..')
/** What most projects have. */
const project = `name: order
services:
  web:
    image: example/web:\${TAG:-latest}
    build: { context: ., args: { VERSION: "1" } }
    ports: ["8080:80", { target: 443, published: "8443" }]
    environment: { LEVEL: info }
    volumes: ["data:/data", "./src:/src:ro"]
    networks: [front]
    depends_on: { db: { condition: service_healthy } }
    deploy: { replicas: 2, resources: { limits: { memory: 64m } } }
    restart: unless-stopped
  db:
    image: example/db:1
    command: [serve, --verbose]
    healthcheck: { test: ["CMD", "true"], interval: 5s }
    labels: [tier=data]
    secrets: [key]
networks: { front: {} }
volumes: { data: {} }
secrets: { key: { environment: KEY } }
`
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
compile(temporary)
const order = findOrder(temporary)
try {
  compile(temporary, `--bytecode-order=${order.file}`)
} finally {
  rmSync(order.folder, { recursive: true, force: true })
}
const product = join(folder, 'flotilla')
renameSync(temporary, product)
for (const name of ['docker-machine', 'docker-compose', 'swarm']) {
  const link = join(folder, name)
  rmSync(link, { force: true })
  symlinkSync('flotilla', link)
}
console.log(`built dist/exe/flotilla, ${Math.round(statSync(product).size / 1e6)} MB`)

function compile(outfile, ...more) {
  run(bun, [
    'build',
    '--compile',
    '--minify',
    '--bytecode',
    // Optimizing code costs a command more than it gains: with a thirtieth of this `config` of 200 services took a fifth
    // more processor time, with the usual thresholds `up` with nothing to do took twice as much. src/bin/jit-policy.ts
    // goes back to them in programs that run on.
    '--compile-jit-policy=1000',
    // Optional native parts of ssh2, ws and the proxy agents, which do without.
    ...['cpu-features', '*.node', 'bufferutil', 'utf-8-validate', 'kerberos'].flatMap((name) => ['--external', name]),
    // A stray bunfig.toml or .env of the folder the program is called in must not change it.
    '--no-compile-autoload-dotenv',
    '--no-compile-autoload-bunfig',
    ...more,
    join(root, 'dist', 'bin', 'program.cjs'),
    '--outfile',
    outfile,
  ])
}

/** Functions in the order in which a command needs them: laid out so, fewer pages of the file are read at a start. */
function findOrder(program) {
  const place = mkdtempSync(join(tmpdir(), 'flotilla-order-'))
  const file = join(place, 'order')
  writeFileSync(join(place, 'compose.yaml'), project)
  run(program, ['config'], { argv0: 'docker-compose', cwd: place, env: { HOME: place, BUN_BYTECODE_ORDER_OUT: file } })
  return { folder: place, file }
}

function run(command, args, options = { cwd: root }) {
  const result = spawnSync(command, args, { ...options, encoding: 'utf8' })
  if (result.status === 0) return
  console.error(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`.trimEnd())
  process.exit(1)
}
