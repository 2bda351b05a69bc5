// Installs the Debian packages that a job needs. Plain JavaScript, nothing imported but node: it runs on a fresh clone.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'

/**
 * Package → a file that proves it is there, looked for in the usual program folders unless it is a path. A program that
 * came another way (Docker's own packages instead of Debian's docker.io) is as good.
 * @type {Readonly<Record<string, string>>}
 */
const proofs = {
  'docker.io': 'dockerd',
  'docker-cli': 'docker',
  iproute2: 'ip',
  iptables: 'iptables',
  'util-linux': 'nsenter',
  mount: 'mount',
  procps: 'ps',
  tini: 'tini',
  'busybox-static': 'busybox',
  openssl: 'openssl',
  'openssh-server': 'sshd',
  'openssh-client': 'ssh',
  curl: 'curl',
  // A plug-in of docker-machine is built for the tests; an example driver is written in Python.
  'golang-go': 'go',
  python3: 'python3',
  // The driver in docs/drivers.md is a shell script that needs it.
  jq: 'jq',
  mmdebstrap: 'mmdebstrap',
  haproxy: 'haproxy',
  expect: 'expect',
  tmux: 'tmux',
  // Completion is tested in the shells themselves.
  zsh: 'zsh',
  fish: 'fish',
  'docker-compose': 'docker-compose',
  'default-jre-headless': 'java',
  'qemu-system-x86': 'qemu-system-x86_64',
  'qemu-system-arm': 'qemu-system-aarch64',
  'qemu-utils': 'qemu-img',
  e2fsprogs: 'mke2fs',
  'ca-certificates': '/etc/ssl/certs/ca-certificates.crt',
}

const hosts = ['docker.io', 'iproute2', 'iptables', 'util-linux', 'mount', 'tini', 'busybox-static', 'ca-certificates']
const tests = [
  ...hosts,
  'docker-cli',
  'procps',
  'openssl',
  'openssh-server',
  'openssh-client',
  'curl',
  'mmdebstrap',
  'golang-go',
  'python3',
  'jq',
  'expect',
  'zsh',
  'fish',
]

/** What each job needs. @type {Readonly<Record<string, readonly string[]>>} */
export const packagesOf = {
  start: hosts,
  test: [...tests, 'default-jre-headless'],
  bench: [...tests, 'haproxy'],
  vm: [...tests, process.arch === 'arm64' ? 'qemu-system-arm' : 'qemu-system-x86', 'qemu-utils', 'e2fsprogs'],
}

/** @type {Readonly<Record<string, string>>} */
const commands = { bench: 'run bench', vm: 'run test:vm' }

const policyPath = '/usr/sbin/policy-rc.d'
const policyAside = `${policyPath}.flotilla-saved`
const policyText = '#!/bin/sh\n# No package may start a service while flotilla installs what it needs.\nexit 101\n'

/** Packages of a job that are not there. @param {string} job @param {(proof: string) => boolean} has */
export function missingPackages(job, has = isThere) {
  return (packagesOf[job] ?? []).filter((name) => !has(proofs[name] ?? name))
}

function isThere(proof) {
  if (proof.startsWith('/')) return existsSync(proof)
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.some((folder) => existsSync(join(folder, proof)))
}

/**
 * Installs what a job needs and is not there, after saying what. No service is started. Where that cannot be done it
 * says what is missing and what to do, and ends the process.
 * @param {'start' | 'test' | 'bench' | 'vm'} job
 */
export function ensureSystemPackages(job) {
  const missing = missingPackages(job)
  if (missing.length === 0) return
  const reason = whyNotHere()
  if (reason !== undefined) {
    console.error(`npm ${commands[job] ?? job} needs programs that are missing here: ${programs(missing)}`)
    console.error(reason(missing))
    process.exit(1)
  }
  console.log(`installing Debian packages (apt-get, no service is started): ${missing.join(' ')}`)
  const problem = withServicesHeldBack(() => install(missing))
  const left = missingPackages(job)
  if (problem === undefined && left.length === 0) return
  console.error(problem ?? `after the installation these are still missing: ${programs(left)}`)
  process.exit(1)
}

function programs(names) {
  return names.map((name) => proofs[name] ?? name).join(', ')
}

/** @returns {((missing: readonly string[]) => string) | undefined} what to tell the user instead of installing */
function whyNotHere() {
  if (process.platform !== 'linux') {
    return () => `This is ${process.platform}: run the command in a Linux virtual machine, as root.`
  }
  if (!isThere('apt-get')) {
    return (missing) =>
      `This is no Debian or Ubuntu: install the programs above with your package manager (Debian calls the packages ${missing.join(', ')}) and run the command again.`
  }
  if (process.getuid?.() !== 0) {
    return (missing) => `Run \`sudo apt-get install ${missing.join(' ')}\`, or the command itself as root.`
  }
  return undefined
}

/** @returns {string | undefined} what went wrong */
function install(names) {
  const options = ['-q', '-y', '-o', 'Acquire::Retries=5', '-o', 'DPkg::Lock::Timeout=300']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const run = (...args) => spawnSync('apt-get', [...options, ...args], { encoding: 'utf8', env })
  let result = run('install', '--no-install-recommends', ...known(names))
  if (result.status !== 0) {
    // Package lists are missing on a fresh image, and out of date on an old one.
    const update = run('update')
    result = run('install', '--no-install-recommends', ...known(names))
    if (result.status !== 0) return describe('apt-get install', result, update)
  }
  return undefined
}

/** Until bookworm the client is a part of docker.io, and no package of its own. */
function known(names) {
  if (!names.includes('docker-cli')) return names
  const policy = spawnSync('apt-cache', ['policy', 'docker-cli'], { encoding: 'utf8' })
  const hasCandidate = /Candidate: (?!\(none\))/.test(policy.stdout ?? '')
  return hasCandidate ? names : names.filter((name) => name !== 'docker-cli')
}

function describe(what, result, update) {
  const said = `${update.status === 0 ? '' : update.stderr}${result.stderr ?? ''}`
    .trim()
    .split('\n')
    .slice(-8)
    .join('\n')
  return `${what} failed with exit code ${result.status}:\n${said}`
}

/** Puts a policy in the way of services, and afterwards puts back what stood there, also after a run that was cut off. */
function withServicesHeldBack(body) {
  restorePolicy()
  if (existsSync(policyPath)) renameSync(policyPath, policyAside)
  try {
    writeFileSync(policyPath, policyText, { mode: 0o755 })
    return body()
  } finally {
    restorePolicy()
  }
}

function restorePolicy() {
  if (existsSync(policyPath) && readFileSync(policyPath, 'utf8') === policyText) rmSync(policyPath)
  if (existsSync(policyAside)) renameSync(policyAside, policyPath)
}
