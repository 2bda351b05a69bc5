import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensurePrograms } from './programs.ts'

/** The package as somebody else uses it: packed, installed into an empty folder without scripts, imported by name. */

const root = resolve(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'flotilla-library-'))
const place = join(folder, 'consumer')

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
}

function run(
  command: string,
  args: readonly string[],
  cwd = place,
): { code: number | null; said: string; out: string } {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
  return { code: result.status, said: `${result.stdout}${result.stderr}`, out: result.stdout }
}

beforeAll(() => {
  ensurePrograms()
  cpSync(join(root, 'test', 'fixtures', 'library-consumer'), place, { recursive: true })
  const packed = run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], root)
  expect(packed.code, packed.said).toBe(0)
  const tarball = join(folder, packed.out.trim().split('\n').at(-1) ?? '')
  const quiet = ['--silent', '--offline', '--ignore-scripts', '--no-audit', '--no-fund']
  const installed = run('npm', ['install', ...quiet, '--prefix', place, tarball])
  expect(installed.code, installed.said).toBe(0)
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What a user of the types or the suites installs beside the package, borrowed from this repository. */
function borrow(...names: readonly string[]): void {
  for (const name of names) {
    const path = join(place, 'node_modules', name)
    rmSync(path, { recursive: true, force: true })
    mkdirSync(resolve(path, '..'), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), path)
  }
}

describe('the library entries of the installed package', () => {
  it('need no other package', () => {
    expect(readdirSync(join(place, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['flotilla'])
  })

  it('are imported by name and work together, without vitest beside them', () => {
    const result = run(process.execPath, ['every-entry.mjs'])
    expect(result.code, result.said).toBe(0)
    expect(JSON.parse(result.out)).toEqual({
      drivers: true,
      program: 'machine/driver',
      placed: 'placed',
      steps: true,
      hash: 64,
      names: [expect.stringMatching(/^\/n[12]\/shop-web-1$/), expect.stringMatching(/^\/n[12]\/shop-web-2$/)],
      host: 'build1',
    })
  })

  it('are the only way in: other paths are private', () => {
    const result = run(process.execPath, ['--input-type=module', '-e', "await import('flotilla/src/engine/index.ts')"])
    expect(result.code).toBe(1)
    expect(result.said).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  it('each exist in JavaScript and in declarations', () => {
    const installed = join(place, 'node_modules', 'flotilla')
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest
    const entries = Object.values(manifest.exports).filter((entry) => typeof entry !== 'string')
    expect(entries).toHaveLength(7)
    for (const entry of entries) {
      expect(readFileSync(join(installed, entry.default), 'utf8')).toContain('export {')
      expect(readFileSync(join(installed, entry.types), 'utf8')).toContain('export')
    }
  })

  it('type-check in a strict project with NodeNext, declarations included', () => {
    borrow('@types/node', 'undici-types')
    const compilerOptions = {
      module: 'NodeNext',
      moduleResolution: 'NodeNext',
      target: 'ES2023',
      lib: ['ES2023'],
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
    }
    writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['types.mts'] }))
    const result = run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', place])
    expect(result.said).toBe('')
    expect(result.code).toBe(0)
  })

  it("offer suites that run under a third party's vitest", () => {
    borrow('vitest', 'fast-check')
    const result = run(process.execPath, [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--root',
      place,
      'cheapest.test.mjs',
    ])
    expect(result.said).toContain('2 passed')
    expect(result.code, result.said).toBe(0)
  })
})

describe('the TypeScript in the pages of docs/', () => {
  it.each(['extending.md', 'testing.md'])(
    '%s type-checks, and its tests pass against the installed package',
    (file) => {
      borrow('@types/node', 'undici-types', 'vitest', 'fast-check')
      const page = readFileSync(join(root, 'docs', file), 'utf8')
      const target = join(place, basename(file, '.md'))
      mkdirSync(target)
      const names = [...page.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```/gm)].map(([, name = '', code = '']) => {
        writeFileSync(join(target, name), code)
        return name
      })
      expect(names.length).toBe([...page.matchAll(/^```ts$/gm)].length)
      const compilerOptions = {
        module: 'NodeNext',
        target: 'ES2023',
        types: ['node'],
        strict: true,
        noUncheckedIndexedAccess: true,
        // Other people's declarations are theirs to check.
        skipLibCheck: true,
        allowImportingTsExtensions: true,
        noEmit: true,
      }
      writeFileSync(join(target, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: names }))
      writeFileSync(join(target, 'package.json'), '{ "type": "module" }')
      const checked = run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', target])
      expect(checked.said).toBe('')
      const tested = run(process.execPath, [join(place, 'node_modules/vitest/vitest.mjs'), 'run', '--root', target])
      expect(tested.code, tested.said).toBe(0)
      expect(tested.said).toContain(`Test Files  ${names.filter((name) => name.endsWith('.test.ts')).length} passed`)
    },
  )
})
