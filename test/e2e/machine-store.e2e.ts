import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { quoteShellWords } from '../../src/core/shell-quote.ts'
import { systemClock } from '../../src/io/clock.ts'
import { fileStore } from '../../src/machine/store-files.ts'
import { ensurePrograms, programForms } from './programs.ts'
import type { RunResult } from './programs.ts'

/** The store under bad records, full disks and kills, through the built program. */

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const fixtures = resolve(import.meta.dirname, '../fixtures')

describe('the store', () => {
  let folder: string
  beforeAll(() => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-store-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function copyStore(): string {
    const root = mkdtempSync(join(folder, 'store-'))
    for (const name of ['machine-store-old', 'machine-store-v3'])
      cpSync(join(fixtures, name), root, { recursive: true })
    return root
  }

  describe.each(programForms)('($name)', (form) => {
    function machine(root: string, args: readonly string[], env: Record<string, string> = {}): Promise<RunResult> {
      return form.run('docker-machine', args, { env: { MACHINE_STORAGE_PATH: root, ...env } })
    }

    it('ls shows bad records beside good ones and exits with 0; rm -f removes the bad', async () => {
      const root = copyStore()
      const bad: Readonly<Record<string, string>> = {
        empty: '',
        half: '{"ConfigVersion": 3, "Driver": {"IPAdd',
        future: '{"ConfigVersion": 99}',
        'wrong-type': '{"ConfigVersion":3,"DriverName":"none","Driver":7}',
      }
      for (const [name, text] of Object.entries(bad)) {
        mkdirSync(join(root, 'machines', name))
        writeFileSync(join(root, 'machines', name, 'config.json'), text)
      }
      mkdirSync(join(root, 'machines', 'no-record'))
      const list = await machine(root, [
        'ls',
        '-t',
        '5',
        '--format',
        '{{.Name}}|{{.Active}}|{{.DriverName}}|{{.State}}|{{.Error}}',
      ])
      expect(list).toMatchObject({ code: 0, stderr: '' })
      expect(list.stdout.split('\n').filter((line) => !/^(?:attic|barn|pier)/.test(line))).toEqual([
        'cellar||not-found|Error|Driver "rackboard" not found. Do you have the plugin binary accessible in your PATH?',
        'empty||not found|Error|cannot read the record of machine "empty": unexpected end of JSON input',
        'future||not found|Error|Error getting migrated host: config version is from the future -- you should upgrade your Docker Machine client',
        expect.stringMatching(/^half\|\|not found\|Error\|cannot read the record of machine "half": /),
        'harbor||not-found|Error|Driver "rackboard" not found. Do you have the plugin binary accessible in your PATH?',
        expect.stringMatching(/^no-record\|\|not found\|Error\|.*config\.json is missing$/),
        'wrong-type||not found|Error|cannot read the record of machine "wrong-type": Driver is not an object',
        '',
      ])
      expect(list.stdout).toMatch(/^pier\|-\|none\|Running\|Unable to query docker version: /m)
      expect((await machine(root, ['ls', '-q'])).stdout).toBe('attic\nbarn\ncellar\nharbor\npier\n')
      expect(await machine(root, ['rm', '-f', ...Object.keys(bad), 'no-record'])).toMatchObject({ code: 0 })
      expect(readdirSync(join(root, 'machines'))).toEqual(['attic', 'barn', 'cellar', 'harbor', 'pier'])
    }, 60_000)

    it('rm of names that lead out of the store touches nothing', async () => {
      const root = copyStore()
      writeFileSync(join(root, 'precious'), 'x')
      for (const name of ['..', '../precious', '.', '/etc', 'a/../../precious']) {
        const result = await machine(root, ['rm', '-f', name])
        expect(result.stderr, name).toBe(`Can't remove "${name}"\n`)
      }
      expect(readFileSync(join(root, 'precious'), 'utf8')).toBe('x')
      expect(readdirSync(join(root, 'machines'))).toHaveLength(5)
    })

    it('names that are none are refused with the text of docker-machine', async () => {
      const root = mkdtempSync(join(folder, 'names-'))
      for (const name of ['∞', '..', 'a b', 'a/b', '\u001b[31mred']) {
        expect(await machine(root, ['create', '-d', 'none', '--url', 'tcp://h:1', name]), name).toMatchObject({
          code: 1,
          stderr: 'Error creating machine: Invalid hostname specified. Allowed hostname chars are: 0-9a-zA-Z . -\n',
        })
      }
      expect(readdirSync(root)).toEqual([])
    })

    it('filters: same key or, different keys and', async () => {
      const root = copyStore()
      const names = async (...filters: string[]): Promise<string> => {
        const flags = filters.flatMap((filter) => ['--filter', filter])
        const result = await machine(root, ['ls', '-q', ...flags])
        return result.code === 0 ? result.stdout.trim().replaceAll('\n', ' ') : result.stderr
      }
      expect(await names('driver=GENERIC')).toBe('attic barn')
      expect(await names('name=ar')).toBe('barn cellar harbor')
      expect(await names('name=^b', 'name=^h')).toBe('barn harbor')
      expect(await names('name=ar', 'driver=generic')).toBe('barn')
      expect(await names('label=tier=WEB')).toBe('harbor pier')
      expect(await names('label=Tier=web')).toBe('')
      expect(await names('swarm=attic')).toBe('attic')
      expect(await names('state=running', 'driver=none')).toBe('pier')
      expect(await names('colour=red')).toBe("Unsupported filter key 'colour'\n")
      expect(await names('x')).toBe('Unsupported filter syntax\n')
      expect(await names('name=(')).toMatch(/^error parsing regexp: /)
    })

    it('a machine that does not answer costs its timeout and nobody else anything', async () => {
      const root = mkdtempSync(join(folder, 'silent-'))
      for (const name of ['m10', 'm2', 'm1']) {
        await machine(root, ['create', '-d', 'none', '--url', 'tcp://127.0.0.1:1', name])
      }
      const { createServer } = await import('node:net')
      const silent = createServer(() => {})
      await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done))
      const address = silent.address()
      const port = typeof address === 'object' ? address?.port : 0
      await machine(root, ['create', '-d', 'none', '--url', `tcp://127.0.0.1:${port}`, 'mute'])
      const startMs = performance.now()
      const list = await machine(root, ['ls', '-t', '2', '--format', '{{.Name}} {{.State}}'])
      silent.close()
      expect(list).toMatchObject({ code: 0, stdout: 'm1 Running\nm2 Running\nm10 Running\nmute Timeout\n' })
      expect(performance.now() - startMs).toBeLessThan(10_000)
    })

    it.runIf(isRoot)(
      'on a full disk old records stay whole and nothing half-made is left (needs root on Linux)',
      () => {
        const root = mkdtempSync(join(folder, 'full-'))
        const [program, ...words] = form.command('docker-machine')
        const run = (...args: string[]): string => quoteShellWords([program, ...words, '-s', root, ...args])
        const record = join(root, 'machines/old/config.json')
        const script = [
          `mount -t tmpfs -o size=256k tmpfs ${root}`,
          run('create', '-d', 'none', '--url', 'tcp://127.0.0.1:1', 'good'),
          `mkdir ${root}/machines/old && cp ${join(fixtures, 'machine-store-old/machines/attic/config.json')} ${record}`,
          `sum() { cksum < ${root}/machines/good/config.json; cksum < ${record}; }`,
          'sum > /tmp/full-before.$$',
          `dd if=/dev/zero of=${root}/filler bs=4k 2>/dev/null; dd if=/dev/zero of=${root}/filler2 bs=1 2>/dev/null`,
          `${run('create', '-d', 'none', '--url', 'tcp://127.0.0.1:2', 'late')}; echo "create $?"`,
          `${run('inspect', '-f', '{{.Driver.SSHPort}}', 'old')}; echo "inspect $?"`,
          run('ls', '-q'),
          'sum | cmp - /tmp/full-before.$$ && echo same; rm /tmp/full-before.$$',
          `ls -A ${root}/machines ${root}/machines/good ${root}/machines/old`,
        ].join('\n')
        const result = spawnSync('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script], {
          encoding: 'utf8',
          timeout: 60_000,
        })
        expect(result.stderr).toMatch(/ENOSPC|no space left/i)
        const lines = result.stdout.split('\n')
        const at = lines.indexOf('create 1')
        expect(at, result.stdout + result.stderr).toBeGreaterThan(0)
        expect(lines.slice(at)).toEqual([
          'create 1',
          '2222',
          'inspect 0',
          'good',
          'old',
          'same',
          `${root}/machines:`,
          'good',
          'old',
          '',
          `${root}/machines/good:`,
          'config.json',
          '',
          `${root}/machines/old:`,
          'config.json',
          '',
        ])
      },
    )
  })

  it('a kill in the middle of a save leaves the old or the new record, whole', async () => {
    const root = copyStore()
    cpSync(join(root, 'machines/pier'), join(root, 'machines/victim'), { recursive: true })
    const bundle = await rolldown({ input: join(import.meta.dirname, 'store-writer.ts'), platform: 'node' })
    const program = join(folder, 'store-writer.mjs')
    await bundle.write({ file: program, format: 'esm' })
    let highest = 0
    for (let kill = 0; kill < 25; kill += 1) {
      const child = spawn(process.execPath, [program, root], { stdio: ['ignore', 'pipe', 'inherit'] })
      await new Promise((done) => child.stdout.once('data', done))
      await new Promise((done) => setTimeout(done, 5 + ((kill * 37) % 60)))
      const ended = new Promise((done) => child.once('close', done))
      child.kill('SIGKILL')
      await ended
      const record = JSON.parse(readFileSync(join(root, 'machines/victim/config.json'), 'utf8'))
      if (record.Driver.Filler === undefined) continue
      expect(record.Driver.Filler.length).toBe(record.Driver.Check)
      highest = Math.max(highest, record.Driver.Round)
    }
    expect(highest).toBeGreaterThan(0)
    // What the killed ones left beside it goes with the next save.
    await fileStore(root, systemClock).save(await fileStore(root, systemClock).load('victim'))
    expect(readdirSync(join(root, 'machines/victim'))).toEqual(['config.json'])
  }, 120_000)
})
