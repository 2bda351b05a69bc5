import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { copyFiles } from './copy-files.ts'
import type { CopyEnd } from './copy-end.ts'
import { localEnd } from './local-end.ts'
import { shellEnd } from './shell-end.ts'
import type { ShellRun } from './shell-end.ts'

/** Copies between real shells of this computer, one per kind there is, as if they were those of machines. */

const root = mkdtempSync(join(tmpdir(), 'copy-files-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let folder: string
let count = 0
/** Every command line a shell was given. */
let commands: string[] = []
beforeEach(() => {
  count += 1
  commands = []
  folder = join(root, String(count))
  mkdirSync(folder)
})

function startShell(words: readonly [string, ...string[]], command: string, path?: string): ShellRun {
  commands.push(command)
  const [file, ...args] = words
  const child = spawn(file, [...args, `echo "Welcome to this machine"; ${command}`], {
    cwd: folder,
    env: { PATH: path ?? process.env['PATH'], HOME: folder, LANG: 'C' },
    detached: true,
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    kill: () => void child.kill('SIGKILL'),
    ended: new Promise((resolve) => {
      child.once('close', (code) => resolve({ code: code ?? 137, stderr }))
    }),
  }
}

const hasBusybox = spawnSync('busybox', ['true']).status === 0
const shells: readonly (readonly [string, readonly [string, ...string[]], string | undefined])[] = [
  ['sh', ['sh', '-c'], undefined],
  ...(hasBusybox ? ([['busybox', [join(root, 'busybox-bin', 'sh'), '-c'], makeBusyboxPath()]] as const) : []),
]

/** A folder where every program is busybox. */
function makeBusyboxPath(): string {
  const bin = join(root, 'busybox-bin')
  mkdirSync(bin)
  const path = spawnSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).stdout.trim()
  for (const name of ['sh', 'cat', 'tar', 'stat', 'find', 'readlink', 'touch', 'chmod', 'mkdir', 'grep']) {
    symlinkSync(path, join(bin, name))
  }
  return bin
}

function makeTree(path: string): void {
  mkdirSync(join(path, 'sub folder', 'deep'), { recursive: true })
  mkdirSync(join(path, 'empty'))
  writeFileSync(join(path, 'sub folder', "it's $HOME"), 'quoted\n')
  writeFileSync(join(path, 'sub folder', 'deep', '-x'), Buffer.from([0, 1, 2, 255]))
  writeFileSync(join(path, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 })
  symlinkSync('run.sh', join(path, 'link'))
  symlinkSync('/nowhere', join(path, 'dangling'))
}

const plain = { isRecursive: false, isDelta: false }
const deep = { isRecursive: true, isDelta: false }
const delta = { isRecursive: true, isDelta: true }

describe.each(shells)('copies through %s', (_name, words, path) => {
  const machine = (name = 'web'): CopyEnd => shellEnd(name, (command) => startShell(words, command, path))
  const here = (): CopyEnd => localEnd(folder)
  const copy = async (from: CopyEnd, a: string, to: CopyEnd, b: string, wish = plain): Promise<void> =>
    copyFiles({ end: from, path: a }, { end: to, path: b }, wish, {})

  it('a file goes under a new name, over one that is there, and into a folder; bytes and mode are right', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256))
    writeFileSync(join(folder, 'a b'), bytes, { mode: 0o664 })
    chmodSync(join(folder, 'a b'), 0o664)
    mkdirSync(join(folder, 'in'))
    writeFileSync(join(folder, 'old'), 'something longer than nothing', { mode: 0o600 })
    await copy(here(), 'a b', machine(), 'new')
    await copy(machine(), '~/a b', machine('db'), 'in')
    await copy(machine(), 'new', here(), 'old')
    await copy(here(), 'a b', machine(), '-dash')
    for (const name of ['new', 'in/a b', 'old', '-dash']) {
      expect(bytes.equals(readFileSync(join(folder, name))), name).toBe(true)
    }
    expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o644)
    expect(statSync(join(folder, 'old')).mode & 0o777).toBe(0o600)
  })

  it('a folder goes with all it holds, to, from and between machines', async () => {
    makeTree(join(folder, 'tree'))
    chmodSync(join(folder, 'tree', 'run.sh'), 0o4755)
    mkdirSync(join(folder, 'kept'), { mode: 0o700 })
    await copy(here(), 'tree', machine(), 'one', deep)
    await copy(machine(), 'one', machine('db'), 'kept', deep)
    await copy(machine('db'), 'kept/one', here(), 'three', deep)
    for (const name of ['one', 'kept/one', 'three']) {
      const top = join(folder, name)
      expect(readFileSync(join(top, 'sub folder', "it's $HOME"), 'utf8'), name).toBe('quoted\n')
      expect(readFileSync(join(top, 'sub folder', 'deep', '-x')), name).toEqual(Buffer.from([0, 1, 2, 255]))
      expect([readlinkSync(join(top, 'link')), readlinkSync(join(top, 'dangling'))]).toEqual(['run.sh', '/nowhere'])
      expect(existsSync(join(top, 'empty'))).toBe(true)
      // The right to become somebody else is not passed on.
      expect(statSync(join(top, 'run.sh')).mode & 0o7777).toBe(0o755)
    }
    expect(statSync(join(folder, 'kept')).mode & 0o777).toBe(0o700)
  })

  it('a pattern stands for what it matches on the machine', async () => {
    for (const name of ['a 1.log', 'a 2.log', 'b.txt', '[x]']) writeFileSync(join(folder, name), name)
    mkdirSync(join(folder, 'logs'))
    await copy(machine(), '*.log', here(), 'logs')
    await copy(machine(), '[x]', here(), 'logs')
    expect(['a 1.log', 'a 2.log', 'b.txt', '[x]'].map((name) => existsSync(join(folder, 'logs', name)))).toEqual([
      true,
      true,
      false,
      true,
    ])
    await expect(copy(machine(), '*.log', here(), 'none')).rejects.toThrow(
      'none is not a folder, and web:*.log stands for 2 files',
    )
    await expect(copy(machine(), '*.zip', here(), 'logs')).rejects.toThrow('web:*.zip: no such file or directory')
  })

  it('what differs is sent and nothing else', async () => {
    makeTree(join(folder, 'tree'))
    await copy(here(), 'tree', machine(), 'copies', delta)
    await copy(machine(), 'copies/tree/', machine('db'), 'second', delta)
    expect(readFileSync(join(folder, 'second', 'run.sh'), 'utf8')).toBe('#!/bin/sh\n')
    // A mark that only a file that is not sent keeps: as long, and of the same time.
    const marked = join(folder, 'second', 'run.sh')
    const { mtime } = statSync(marked)
    writeFileSync(marked, '#!/bin/xx\n')
    utimesSync(marked, mtime, mtime)
    writeFileSync(join(folder, 'copies', 'tree', 'sub folder', 'more'), 'more\n')
    mkdirSync(join(folder, 'copies', 'tree', 'added', 'hollow'), { recursive: true })
    writeFileSync(join(folder, 'copies', 'tree', 'added', 'file'), 'added\n')
    writeFileSync(join(folder, 'copies', 'tree', 'sub folder', "it's $HOME"), 'changed\n')
    await copy(machine(), 'copies/tree/', machine('db'), 'second', delta)
    await copy(machine(), 'copies/tree/', here(), 'second', delta)
    await copy(here(), 'copies/tree/', machine(), 'second', delta)
    expect(readFileSync(marked, 'utf8')).toBe('#!/bin/xx\n')
    expect(readFileSync(join(folder, 'second', 'sub folder', 'more'), 'utf8')).toBe('more\n')
    expect(readFileSync(join(folder, 'second', 'added', 'file'), 'utf8')).toBe('added\n')
    expect(existsSync(join(folder, 'second', 'added', 'hollow'))).toBe(true)
    expect(readFileSync(join(folder, 'second', 'sub folder', "it's $HOME"), 'utf8')).toBe('changed\n')
    const before = commands.length
    await copy(machine(), 'second/run.sh', machine('db'), 'copies/tree/run.sh', { ...delta, isRecursive: false })
    expect(readFileSync(join(folder, 'copies/tree/run.sh'), 'utf8')).toBe('#!/bin/sh\n')
    expect(commands.slice(before).filter((command) => command.includes('cat >'))).toEqual([])
  })

  it('a name that no list holds makes everything be sent', async () => {
    makeTree(join(folder, 'tree'))
    writeFileSync(join(folder, 'tree', 'two\nlines'), 'x')
    writeFileSync(join(folder, 'tree', 'back\\slash'), 'y')
    await copy(machine(), 'tree/', machine('db'), 'all', delta)
    await copy(machine(), 'tree/', machine('db'), 'all', delta)
    expect(readFileSync(join(folder, 'all', 'two\nlines'), 'utf8')).toBe('x')
    expect(readFileSync(join(folder, 'all', 'back\\slash'), 'utf8')).toBe('y')
  })

  it('a shell that greets and ends is no empty file', async () => {
    writeFileSync(join(folder, 'kept'), 'text')
    const menu = shellEnd('menu', () => startShell(words, 'exit 0', path))
    await expect(copy(menu, 'x', here(), 'kept')).rejects.toThrow('menu:x: the shell of the machine ran nothing')
    await expect(copy(here(), 'kept', menu, 'x')).rejects.toThrow('the shell of the machine ran nothing')
    expect(readFileSync(join(folder, 'kept'), 'utf8')).toBe('text')
  })

  it('what cannot be copied is said with machine and path, and nothing is lost', async () => {
    makeTree(join(folder, 'tree'))
    writeFileSync(join(folder, 'file'), 'precious')
    const web = machine()
    const refused: readonly (readonly [() => Promise<void>, string])[] = [
      [() => copy(web, 'nope', here(), 'x'), 'web:nope: no such file or directory'],
      [() => copy(here(), 'nope', web, 'x'), 'nope: no such file or directory'],
      [() => copy(web, 'tree', here(), 'x'), 'web:tree is a folder: give --recursive to copy it'],
      [() => copy(web, '/dev/null', here(), 'x'), 'web:/dev/null is neither a file nor a folder'],
      [() => copy(web, 'tree', web, 'file', deep), 'web:file is not a folder, and web:tree is one'],
      [() => copy(web, 'file', web, './file'), 'web:file and web:./file are the same file'],
      [() => copy(web, 'file', web, '.'), 'web:file and web:. are the same file'],
      [() => copy(web, 'tree', web, 'tree/sub folder/x', deep), 'web:tree/sub folder/x lies in web:tree itself'],
      [() => copy(web, 'file', web, 'no/'), 'web:no/: no such folder'],
      [() => copy(web, 'file', here(), 'no/where'), `cannot copy "${folder}/no/where": no such file or directory`],
    ]
    for (const [body, message] of refused) await expect(body()).rejects.toThrow(message)
    await expect(copy(here(), 'file', web, 'no/where')).rejects.toThrow(/^cannot copy web:no\/where: .*no\/where/)
    await expect(copy(here(), 'tree', web, 'no/where', deep)).rejects.toThrow(/^cannot copy web:no\/where: /)
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('precious')
    expect(existsSync(join(folder, 'x'))).toBe(false)
  })
})

it('a machine cannot write beside the folder that is copied from it', async () => {
  const liar = (archive: readonly string[]): CopyEnd => ({
    ...shellEnd('liar', (command) => startShell(['sh', '-c'], command)),
    sendFolder: () => {
      const child = spawn('sh', ['-c', archive.join('\n')], { cwd: folder })
      // Node throws away what a program has printed by its end and nobody has begun to read.
      return child.stdout.pipe(new PassThrough())
    },
  })
  mkdirSync(join(folder, 'real'))
  const climbing = ['mkdir -p w && cd w && echo x > ../up && tar -cPf - ../up']
  const linked = ['mkdir l && ln -s .. l/way && tar -C l -cf a.tar way && rm l/way && mkdir l/way && echo x > l/way/up']
  linked.push('tar -C l -rf a.tar way/up && cat a.tar')
  for (const archive of [climbing, linked]) {
    await expect(
      copyFiles({ end: liar(archive), path: 'real' }, { end: localEnd(folder), path: 'target' }, deep, {}),
    ).rejects.toThrow('the archive would write outside the target')
  }
})
