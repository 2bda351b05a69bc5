import { spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createContainer, listContainers } from '../../src/engine/api/containers.ts'
import { openEngine } from '../../src/engine/client.ts'
import { systemClock } from '../../src/io/clock.ts'
import { startFakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import type { FakeEngine } from '../../src/testing/fake-engine/fake-engine.ts'
import { ensurePrograms, programForms } from './programs.ts'
import type { ProgramForm, RunResult } from './programs.ts'
import { eventually } from './swarm-cluster.ts'

/** The packages of examples/ as users have them: checked, tested by the conformance suites, loaded by the built programs. */

const root = resolve(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'flotilla-plugins-'))
const examples = ['discovery-dns', 'driver-hooks', 'driver-inventory', 'filter-rack', 'strategy-cheapest']
const children: ChildProcess[] = []
let engines: readonly FakeEngine[] = []

beforeAll(async () => {
  ensurePrograms()
  const images = ['secure/vault:1', 'nginx:1.27']
  engines = await Promise.all([
    startFakeEngine({ name: 'cheap', id: 'cheap', labels: ['price=1', 'rack=open'], images }),
    startFakeEngine({ name: 'safe', id: 'safe', labels: ['price=9', 'rack=secure-1'], images }),
  ])
  // Two installed by name, one beside the configuration.
  for (const name of ['discovery-dns', 'strategy-cheapest']) {
    cpSync(join(root, 'examples', name), join(folder, 'node_modules', `flotilla-${name}`), { recursive: true })
  }
  cpSync(join(root, 'examples', 'filter-rack'), join(folder, 'filter-rack'), { recursive: true })
}, 120_000)
afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
  await Promise.all(engines.map((engine) => engine.stop()))
  rmSync(folder, { recursive: true, force: true })
})

/** Writes a configuration file. @returns the environment that names it */
function configure(name: string, plugins: readonly unknown[]): { readonly FLOTILLA_CONFIG: string } {
  const file = join(folder, name)
  writeFileSync(file, JSON.stringify({ plugins }))
  return { FLOTILLA_CONFIG: file }
}

const all = ['flotilla-discovery-dns', './filter-rack', 'flotilla-strategy-cheapest']

function addressesOf(list: readonly FakeEngine[]): string {
  return list.map(({ endpoint }) => (endpoint.kind === 'tcp' ? `localhost:${endpoint.port}` : '')).join(',')
}

async function manage(
  form: ProgramForm,
  env: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<RunResult> {
  return form.run('swarm', ['manage', '-H', `unix://${folder}/never.sock`, ...args], { env })
}

describe.each(programForms)('packages in the built swarm ($name)', (form) => {
  it('find engines, refuse them and choose among them', async () => {
    const socket = join(folder, `${form.name}.sock`)
    const flags = ['--strategy', 'cheapest', '--filter', 'health', '--filter', 'rack', '-H', `unix://${socket}`]
    const child = form.start('swarm', ['manage', ...flags, `dns://${addressesOf(engines)}`], {
      env: configure('config.json', all),
    })
    children.push(child)
    let log = ''
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
    child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()))
    await eventually(() => log.match(/Registered Engine/g)?.length === 2, 20_000, `registration: ${log}`)
    const engine = openEngine({ kind: 'unix', path: socket }, { clock: systemClock, userAgent: 'test' })
    try {
      await createContainer(engine, { Image: 'secure/vault:1' }, { name: `vault-${form.name}` })
      await createContainer(engine, { Image: 'nginx:1.27' }, { name: `web1-${form.name}` })
      await createContainer(engine, { Image: 'nginx:1.27' }, { name: `web2-${form.name}` })
      const names = (await listContainers(engine, { all: true })).map((container) => container.Names[0] ?? '')
      const own = names.filter((name) => name.endsWith(form.name)).sort()
      expect(own.map((name) => name.replace(`-${form.name}`, ''))).toEqual([
        '/cheap/web1',
        '/cheap/web2',
        '/safe/vault',
      ])
    } finally {
      await engine.close()
      child.kill('SIGTERM')
    }
    await eventually(() => child.exitCode !== null, 15_000, 'the end')
    expect(log).not.toContain('Warning')
  })

  it('are not looked at for what is built in', async () => {
    const env = { FLOTILLA_CONFIG: configure('broken.json', ['./nowhere']).FLOTILLA_CONFIG }
    expect(await form.run('swarm', ['list', 'nodes://a:1'], { env })).toMatchObject({
      code: 0,
      stdout: 'a:1\n',
      stderr: '',
    })
  })

  it('that are missing, wrong or in the way are named', async () => {
    mkdirSync(join(folder, 'wrong'), { recursive: true })
    writeFileSync(join(folder, 'wrong', 'index.js'), 'module.exports = { apiVersion: 2 }\n')
    writeFileSync(join(folder, 'bad.js'), 'module.exports = {\n')
    writeFileSync(
      join(folder, 'spread.cjs'),
      "module.exports = { apiVersion: 1, strategies: { spread: async () => ({ name: 'mine', weigh: () => 0 }) } }\n",
    )
    const cases = [
      [['flotilla-none'], 'plug-in "flotilla-none" of configuration "FILE" is not there'],
      [['./wrong'], 'plug-in "./wrong": field "apiVersion" is 2, this program knows 1'],
      [['./bad.js'], 'plug-in "./bad.js": it cannot be loaded: '],
      [['./spread.cjs'], 'strategy.spread is provided by built-in and by package "./spread.cjs"'],
      [[{ name: './spread.cjs', replace: true }], 'strategy not supported'],
      [[3], 'configuration "FILE": plugins[0] is neither a name nor an object'],
    ] as const
    for (const [plugins, message] of cases) {
      const env = configure('case.json', plugins)
      const { code, stdout } = await manage(form, env, '--strategy', 'dearest', 'a:1')
      expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringContaining(' level=fatal ') })
      expect(stdout.replaceAll('\\"', '"')).toContain(message.replace('FILE', env.FLOTILLA_CONFIG))
    }
  })
})

describe('the packages themselves', () => {
  const place = join(folder, 'checked')

  function run(command: string, args: readonly string[]): { readonly code: number | null; readonly said: string } {
    const result = spawnSync(command, args, { cwd: place, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
    return { code: result.status, said: `${result.stdout}${result.stderr}` }
  }

  beforeAll(() => {
    mkdirSync(join(place, 'node_modules', '@types'), { recursive: true })
    symlinkSync(root, join(place, 'node_modules', 'flotilla'))
    for (const name of ['vitest', 'fast-check', '@types/node', 'undici-types']) {
      symlinkSync(join(root, 'node_modules', name), join(place, 'node_modules', name))
    }
    for (const name of examples) cpSync(join(root, 'examples', name), join(place, name), { recursive: true })
  })

  it('type-check', () => {
    const compilerOptions = {
      module: 'NodeNext',
      target: 'ES2023',
      types: ['node'],
      strict: true,
      allowJs: true,
      checkJs: true,
      skipLibCheck: true,
      noEmit: true,
    }
    const include = examples.map((name) => `${name}/*.js`)
    writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions, include }))
    expect(run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', place]).said).toBe('')
  })

  it('pass the conformance suites', () => {
    const tested = run(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', place])
    expect(tested.code, tested.said).toBe(0)
    expect(tested.said).toMatch(/Test Files +5 passed/)
  })
})
