import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lab } from '../../src/testing/lab/lab.ts'
import type { Lab, LabSsh } from '../../src/testing/lab/types.ts'
import { ensurePrograms, executableForm } from './programs.ts'
import type { RunOptions, RunResult } from './programs.ts'

/** Commands on several real machines: two hosts behind a real sshd, and hosts of the driver `local`. */

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'

describe.runIf(isRoot)('commands on machines (needs root on Linux)', () => {
  let running: Lab
  let folder: string
  const logins: LabSsh[] = []

  beforeAll(async () => {
    ensurePrograms()
    folder = mkdtempSync(join(tmpdir(), 'machine-commands-'))
    running = await lab({ hosts: 2 })
    for (const host of running.hosts) logins.push(await host.sshd())
  }, 400_000)
  afterAll(async () => {
    const { stdout } = await machine(['ls', '-q'])
    const names = stdout.split('\n').filter(Boolean)
    if (names.length > 0) await machine(['rm', '-f', ...names])
    await running.down()
    rmSync(folder, { recursive: true, force: true })
  }, 120_000)

  const store = (): string => join(folder, 'a store')

  function machine(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return executableForm.run('docker-machine', args, {
      timeoutMs: 300_000,
      cwd: folder,
      ...options,
      env: {
        HOME: folder,
        MACHINE_STORAGE_PATH: store(),
        FLOTILLA_LOCAL_DIR: join(folder, 'local'),
        FLOTILLA_LOCAL_SUBNET: '10.214.43.0/24',
        ...options.env,
      },
    })
  }

  it('adopt --ssh --tls takes running engines, and nothing is installed', async () => {
    for (const [index, name] of ['a', 'b'].entries()) {
      const login = logins[index]
      if (login === undefined) throw new Error('no login')
      const made = await machine(['adopt', '--ssh', `root@${login.host}`, '--ssh-key', login.keyPath, '--tls', name])
      expect(made).toMatchObject({ code: 0, stderr: '' })
      expect(made.stdout).toContain(`Machine "${name}" was adopted.`)
      expect(made.stdout).not.toContain('Installing')
    }
    expect((await machine(['version', 'a'])).stdout).toMatch(/^\d+\.\d/)
    expect(await machine(['adopt', '--tls', '--url', 'tcp://192.0.2.1:2376', 'x'])).toMatchObject({
      code: 1,
      stderr: '--tls goes with --ssh\n',
    })
  }, 400_000)

  it('scp copies files and folders to, from and between machines', async () => {
    const source = join(folder, 'tree')
    mkdirSync(join(source, 'sub'), { recursive: true })
    writeFileSync(join(source, 'sub', 'file with blank'), 'content\n')
    writeFileSync(join(folder, 'one.txt'), 'one\n')
    expect(await machine(['scp', '-q', 'one.txt', 'a:/root/one.txt'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    })
    expect(await machine(['scp', '-q', 'root@a:/root/one.txt', 'b:/root/two.txt'])).toMatchObject({ code: 0 })
    expect(await machine(['scp', '-q', 'b:/root/two.txt', 'localhost:back.txt'])).toMatchObject({ code: 0 })
    expect(readFileSync(join(folder, 'back.txt'), 'utf8')).toBe('one\n')
    expect(await machine(['scp', '-r', '-q', 'tree', 'b:/root/'])).toMatchObject({ code: 0 })
    expect((await machine(['ssh', 'b', 'cat', "'/root/tree/sub/file with blank'"])).stdout).toBe('content\n')
    expect((await machine(['scp', 'a:/no/such', 'x'])).code).not.toBe(0)
    const wrong = await machine(['scp', 'a:/x'])
    expect(wrong).toMatchObject({ code: 1, stderr: 'Improper number of arguments\n' })
    expect(wrong.stdout).toMatch(/^Usage: docker-machine scp/)
    expect(await machine(['scp', 'nope:/x', 'y'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Docker machine "nope" does not exist') as string,
    })
  }, 120_000)

  it('scp --delta and mount call rsync, sshfs and fusermount with a configuration that reaches the machine', async () => {
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    // Stand-ins: they show how they are called, and that ssh gets through with what they are given.
    const show = 'printf "%s\\n" "$0" "$@" | sed "s,.*/,," | tr "\\n" " "'
    for (const [name, line] of [
      ['rsync', `${show}; eval "$2 a hostname"`],
      ['sshfs', `${show}; ssh -F "$2" a hostname`],
      ['fusermount', show],
    ] as const) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${line}\n`)
      chmodSync(join(bin, name), 0o755)
    }
    const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}` }
    const name = (await machine(['ssh', 'a', 'hostname'])).stdout
    const delta = await machine(['scp', '-d', '-r', 'tree', 'a:/root/'], { env })
    expect(delta.stdout).toMatch(/^rsync -e config' --recursive --links --perms --times --progress -- tree /)
    expect(delta.stdout.endsWith(name)).toBe(true)
    const mounted = await machine(['mount', 'a:/srv', join(folder, 'mnt')], { env })
    expect(mounted.stdout).toMatch(/^sshfs -F config /)
    expect(mounted.stdout.endsWith(name)).toBe(true)
    expect((await machine(['mount', '-u', 'a:/srv', '/mnt'], { env })).stdout).toBe('fusermount -u mnt ')
    const bare = { PATH: join(folder, 'nothing') }
    expect((await machine(['mount', 'a:/srv', '/mnt'], { env: bare })).stderr).toBe(
      'You must have a copy of the sshfs binary locally to use the mount feature\n',
    )
  }, 120_000)

  it('scp --delta between machines sends what differs, without rsync', async () => {
    expect(await machine(['scp', '-d', '-r', 'b:/root/tree/', 'a:/root/second'])).toMatchObject({ code: 0, stderr: '' })
    writeFileSync(join(folder, 'one.txt'), 'more than one\n')
    expect(await machine(['scp', '-q', 'one.txt', 'b:/root/tree/sub/more'])).toMatchObject({ code: 0 })
    const mark = 'cd /root/second/sub; t=$(stat -c %Y *blank); echo CONTENT > *blank; touch -d @$t *blank'
    expect((await machine(['ssh', 'a', mark])).code).toBe(0)
    expect(await machine(['scp', '-d', '-r', 'b:/root/tree/', 'a:/root/second'])).toMatchObject({ code: 0, stderr: '' })
    // What looks the same is not sent again.
    expect((await machine(['ssh', 'a', 'cat /root/second/sub/*'])).stdout).toBe('CONTENT\nmore than one\n')
  }, 120_000)

  it('exec runs on all side by side, says whose line is whose, and passes on a common exit code', async () => {
    const both = await machine(['exec', 'a', 'b', '--', 'echo', 'hello;', 'echo', 'bad', '>&2'])
    expect(both.code).toBe(0)
    expect(both.stdout.split('\n').filter(Boolean).sort()).toEqual(['a  | hello', 'b  | hello'])
    expect(both.stderr.split('\n').filter(Boolean).sort()).toEqual(['a  | bad', 'b  | bad'])
    const failed = await machine(['exec', '--all', '--', 'exit', '7'])
    expect(failed).toMatchObject({ code: 7, stdout: '' })
    expect(failed.stderr.split('\n').filter(Boolean).sort()).toEqual(['a: exit code 7', 'b: exit code 7'])
    expect(await machine(['exec', 'a', 'uptime'])).toMatchObject({ code: 1 })
    expect(await machine(['exec', '--filter', 'driver=none', '--', 'true'])).toMatchObject({
      code: 1,
      stderr: 'no machine matches\n',
    })
  }, 120_000)

  it('a machine is exported, encrypted, and used from another store', async () => {
    writeFileSync(join(folder, 'phrase'), 'correct horse battery\n')
    const file = join(folder, 'a.machine')
    const written = await machine(['export', '--passphrase-file', 'phrase', 'a'])
    expect(written).toMatchObject({ code: 0, stderr: '' })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8')).not.toContain('PRIVATE KEY')
    expect(await machine(['export', '--passphrase-file', 'phrase', 'a'])).toMatchObject({
      code: 1,
      stderr: `${file} exists already\n`,
    })
    const other = { MACHINE_STORAGE_PATH: join(folder, 'other') }
    const closed = await machine(['import', file], { env: other })
    expect(closed).toMatchObject({
      code: 1,
      stderr: `${file} is encrypted: a passphrase is needed\n`,
    })
    const wrong = await machine(['import', file], { env: { ...other, MACHINE_PASSPHRASE: 'no' } })
    expect(wrong).toMatchObject({
      code: 1,
      stderr: `cannot open ${file}: the passphrase is wrong, or it was changed\n`,
    })
    expect((await machine(['ls', '-q'], { env: other })).stdout).toBe('')
    expect(await machine(['import', '--passphrase-file', 'phrase', file], { env: other })).toMatchObject({ code: 0 })
    expect((await machine(['version', 'a'], { env: other })).stdout).toMatch(/^\d+\.\d/)
    expect((await machine(['ssh', 'a', 'echo', 'here'], { env: other })).stdout).toBe('here\n')
    expect(await machine(['import', '--passphrase-file', 'phrase', file], { env: other })).toMatchObject({
      code: 1,
      stderr: 'Docker machine "a" already exists\n',
    })
  }, 120_000)

  it('contexts: the docker CLI reaches the machine by name until it is removed, and adopt takes them', async () => {
    const docker = (args: readonly string[]): ReturnType<typeof spawnSync> =>
      spawnSync('docker', args, { encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: folder } })
    expect(await machine(['context', 'b'])).toMatchObject({ code: 0 })
    expect(docker(['--context', 'b', 'version', '--format', '{{.Server.Version}}'])).toMatchObject({ status: 0 })
    const adopted = await machine(['adopt', '--context', 'b', 'seen'])
    expect(adopted).toMatchObject({ code: 0, stderr: '' })
    expect((await machine(['config', 'seen'])).code).toBe(0)
    expect((await machine(['version', 'seen'])).stdout).toBe((await machine(['version', 'b'])).stdout)
    mkdirSync(join(folder, '.docker'), { recursive: true })
    expect(await machine(['context', '--use', 'b'])).toMatchObject({ code: 0 })
    expect(docker(['info', '--format', '{{.Name}}'])).toMatchObject({ status: 0 })
    expect(await machine(['context', '--rm', 'b'])).toMatchObject({ code: 0 })
    expect(docker(['context', 'inspect', 'b']).status).not.toBe(0)
    expect(JSON.parse(readFileSync(join(folder, '.docker', 'config.json'), 'utf8'))).not.toHaveProperty(
      'currentContext',
    )
    expect(await machine(['context', '--rm', 'b'])).toMatchObject({ code: 1 })
    expect(await machine(['rm', '-y', 'seen'])).toMatchObject({ code: 0 })
  }, 120_000)

  it('doctor looks at each machine and ends with 1 when something is wrong', async () => {
    const healthy = await machine(['doctor', '--format', 'json', 'a'])
    const [report] = JSON.parse(healthy.stdout) as readonly {
      readonly result: string
      readonly findings: readonly { readonly check: string; readonly severity: string }[]
    }[]
    const found = new Map(report?.findings.map(({ check, severity }) => [check, severity]))
    expect(found.get('machine')).toBe('ok')
    expect(found.get('certificates')).toBe('ok')
    expect(found.get('clock')).toBe('ok')
    expect(found.get('exposure')).toBe('ok')
    expect([...found.keys()]).toEqual(expect.arrayContaining(['engine', 'ports', 'disk']))
    chmodSync(join(store(), 'certs', 'key.pem'), 0o644)
    const sick = await machine(['doctor', 'a'])
    chmodSync(join(store(), 'certs', 'key.pem'), 0o600)
    expect(sick.code).toBe(1)
    expect(sick.stdout).toMatch(/^MACHINE {3}CHECK +RESULT +DETAIL\n/)
    expect(sick.stdout).toMatch(/\na {9}keys +FAIL +others can read \S.*key\.pem \(mode 0644\): chmod 600 it\n/)
  }, 120_000)

  it('apply makes what the file says, once; changes labels in place; replaces only when allowed; prunes', async () => {
    const file = join(folder, 'fleet.yaml')
    const write = (role: string, options = '', count = 2): void =>
      writeFileSync(file, `machines:\n  web-{1..${count}}:\n    driver: local\n    labels: {role: ${role}}\n${options}`)
    write('x')
    const planned = await machine(['apply', '--plan'])
    expect(planned).toMatchObject({ code: 0, stderr: '' })
    expect(planned.stdout).toBe(
      '+ create web-1\n    driver: local\n    label role: "x"\n+ create web-2\n    driver: local\n    label role: "x"\nPlan: 2 to create; 0 unchanged.\n',
    )
    expect((await machine(['ls', '-q'])).stdout).toBe('a\nb\n')
    expect(await machine(['apply', '-y'])).toMatchObject({ code: 0, stderr: '' })
    const again = await machine(['apply'])
    expect(again).toEqual({ code: 0, signal: null, stderr: '', stdout: 'Plan: nothing to do; 2 unchanged.\n' })
    write('y')
    const changed = await machine(['apply', '-y'])
    expect(changed.stdout).toContain('~ update web-1\n    label role: "x" → "y"\n')
    expect(changed).toMatchObject({ code: 0 })
    expect((await machine(['ls', '-q', '--filter', 'label=role=y'])).stdout).toBe('web-1\nweb-2\n')
    expect(await machine(['apply', '-y'])).toMatchObject({ stdout: 'Plan: nothing to do; 2 unchanged.\n' })
    write('y', '    options: {local-memory: 256}\n', 1)
    expect(await machine(['apply', '-y'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('web-1 would be removed and made anew, with all containers and data') as string,
    })
    write('y', '', 1)
    const left = await machine(['apply', '--plan'])
    expect(left.stdout).toBe(
      '  web-2 is no longer in the file; --prune removes it\nPlan: nothing to do; 1 unchanged.\n',
    )
    expect(await machine(['stop', 'web-1'])).toMatchObject({ code: 0 })
    const pruned = await machine(['apply', '--prune', '-y'])
    expect(pruned).toMatchObject({ code: 0 })
    expect(pruned.stdout).toContain('> start web-1\n- remove web-2\nPlan: 1 to start, 1 to remove; 0 unchanged.\n')
    expect((await machine(['ls', '-q'])).stdout).toBe('a\nb\nweb-1\n')
    const set = await machine(['set', '--engine-label', 'role=z', '--engine-label', 'more=1', 'web-1'])
    expect(set).toMatchObject({ code: 0, stderr: '' })
    expect(set.stdout).toContain('Machine "web-1": engine-label: "role=y" → "role=z", "more=1"\n')
    expect(set.stdout).toContain('Machine "web-1" is of fleet "default": change its file too\n')
    expect((await machine(['ls', '-q', '--filter', 'label=role=z'])).stdout).toBe('web-1\n')
    expect(await machine(['set', '--engine-label', 'more=1', 'web-1'])).toMatchObject({
      code: 0,
      stdout: 'Machine "web-1" has these options already\n',
    })
    const docker = (await machine(['config', 'web-1'])).stdout.replaceAll('\n', ' ')
    const labels = spawnSync('sh', ['-c', `docker ${docker} info --format '{{json .Labels}}'`], { encoding: 'utf8' })
    expect((JSON.parse(labels.stdout) as string[]).toSorted()).toEqual(['more=1', 'provider=local', 'role=z'])
    expect(await machine(['set', 'web-1'])).toMatchObject({
      code: 1,
      stderr: 'nothing to change: give options, such as --engine-label KEY=VALUE\n',
    })
    expect(await machine(['set', '--engine-version', '28', 'web-1'])).toMatchObject({
      code: 1,
      stderr: 'driver "local" takes no --engine-version: it runs an engine of its own choice\n',
    })
    writeFileSync(join(folder, 'pass it on'), 'from here\n')
    expect(await machine(['scp', 'pass it on', 'web-1:/tmp/'])).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(await machine(['scp', 'web-1:/tmp/pass it on', 'a:/root/passed'])).toMatchObject({ code: 0, stderr: '' })
    expect(await machine(['scp', 'a:/root/passed', 'back'])).toMatchObject({ code: 0 })
    expect(readFileSync(join(folder, 'back'), 'utf8')).toBe('from here\n')
    const exported = await machine(['export', '--passphrase-file', 'phrase', 'web-1'])
    expect(exported).toMatchObject({ code: 0 })
    expect(exported.stdout).toContain(
      'its host is not in the export: in another place machine "web-1" can be neither started nor used\n',
    )
    const other = { MACHINE_STORAGE_PATH: join(folder, 'third') }
    const imported = await machine(['import', '--passphrase-file', 'phrase', 'web-1.machine'], { env: other })
    expect(imported).toMatchObject({ code: 0 })
    expect(imported.stdout).toContain('Machine "web-1" was imported without its host, which is not here')
    expect((await machine(['upgrade', 'web-1'])).stdout).toContain('Upgrading docker...\nRestarting docker...\n')
    writeFileSync(file, 'machines:\n  a: {driver: local}\n')
    expect(await machine(['apply', '-y'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('machine "a" exists and is not of fleet "default"') as string,
    })
    expect(await machine(['apply', '-f', 'none.yaml'])).toMatchObject({ code: 1, stderr: 'none.yaml: no such file\n' })
    expect(existsSync(join(store(), 'machines', 'web-2'))).toBe(false)
  }, 240_000)
})
