// `npm run build:image`: lays out dist/image, the build context of the container image (packaging/Dockerfile): the
// executable, the libraries that it and `ssh` need, and the certificates of public authorities, all of this machine.
// The image is for this machine's architecture; docs/operations.md says how to join several into one name.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { ensureBuilt } from './built.mjs'

const root = join(import.meta.dirname, '..')
const target = join(root, 'dist', 'image')
const context = `${target}.${process.pid}`

if (process.platform !== 'linux') fail('the image is made on Linux')
ensureBuilt({ executable: true })
try {
  layOut()
} catch (error) {
  rmSync(context, { recursive: true, force: true })
  fail(error instanceof Error ? error.message : String(error))
}
rmSync(target, { recursive: true, force: true })
renameSync(context, target)
console.log('made dist/image; now: docker build -t flotilla/swarm dist/image')

function layOut() {
  const rootfs = join(context, 'rootfs')
  rmSync(context, { recursive: true, force: true })
  const executable = join(root, 'dist', 'exe', 'flotilla')
  const ssh = findProgram('ssh')
  put(executable, join(rootfs, 'usr/bin/flotilla'), 0o755)
  put(ssh, join(rootfs, 'usr/bin/ssh'), 0o755)
  // The program takes its behaviour from the name it is called by.
  symlinkSync('/usr/bin/flotilla', join(rootfs, 'swarm'))
  for (const name of ['swarm', 'docker-machine', 'docker-compose'])
    symlinkSync('flotilla', join(rootfs, 'usr/bin', name))
  for (const library of new Set([...listLibraries(executable), ...listLibraries(ssh)])) {
    put(realpathSync(library), join(rootfs, library), 0o755)
  }
  put('/etc/ssl/certs/ca-certificates.crt', join(rootfs, 'etc/ssl/certs/ca-certificates.crt'), 0o644)
  // ssh wants to know who runs it; names of hosts come from the files and servers that the engine provides.
  write(join(rootfs, 'etc/passwd'), 'root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n')
  write(join(rootfs, 'etc/group'), 'root:x:0:\nnobody:x:65534:\n')
  write(join(rootfs, 'etc/nsswitch.conf'), 'hosts: files dns\n')
  mkdirSync(join(rootfs, '.swarm'), { mode: 0o700 })
  mkdirSync(join(rootfs, 'tmp'))
  chmodSync(join(rootfs, 'tmp'), 0o1777)
  copyFileSync(join(root, 'packaging', 'Dockerfile'), join(context, 'Dockerfile'))
}

function put(from, to, mode) {
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 })
  copyFileSync(from, to)
  chmodSync(to, mode)
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  writeFileSync(path, text, { mode: 0o644 })
}

function findProgram(name) {
  const result = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' })
  const path = result.stdout.trim()
  if (path === '') throw new Error(`${name} is needed for the image and is not installed here`)
  return realpathSync(path)
}

/** Paths of the libraries that a program is linked with, the loader included. */
function listLibraries(program) {
  const result = spawnSync('ldd', [program], { encoding: 'utf8', env: { PATH: process.env.PATH, LC_ALL: 'C' } })
  if (result.status !== 0) throw new Error(`ldd ${program}: ${result.stderr.trim()}`)
  // Before 2.34 glibc looked for these when it first had to.
  const late = ['libnss_files.so.2', 'libnss_dns.so.2']
  const missing = /^\s*(\S+) => not found/m.exec(result.stdout)
  if (missing !== null) throw new Error(`${program} needs ${missing[1]}, which is not installed here`)
  const found = [...result.stdout.matchAll(/(?:=>|^)\s*(\/\S+) \(0x/gm)].map((match) => match[1])
  const folder = dirname(found.find((path) => /\/libc\.so/.test(path)) ?? '/lib/none')
  return [...found, ...late.map((name) => join(folder, name)).filter(existsSync)]
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
