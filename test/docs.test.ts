import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { describe, expect, it } from 'vitest'
import type { Command } from '../src/cli/command.ts'
import { composeCommands, composeGlobals } from '../src/commands/compose/table.ts'
import { flotillaCommands, flotillaGlobals } from '../src/commands/flotilla/table.ts'
import { limitOptions, renderLimit } from '../src/commands/swarm/limit-options.ts'
import { machineCommands, machineGlobals } from '../src/commands/machine/table.ts'
import { swarmCommands, swarmGlobals } from '../src/commands/swarm/table.ts'
import { defaultLimits as managerLimits } from '../src/cluster/limits.ts'
import { limitSettings, renderAmount } from '../src/compose/load/limit-settings.ts'
import { defaultLimits as projectLimits } from '../src/compose/load/limits.ts'
import type { LoadLimits } from '../src/compose/load/limits.ts'
import type { FlagSpec, FlagTable } from '../src/core/flag.ts'
import type { DriverDescriptor } from '../src/machine/driver.ts'
import { builtins } from '../src/plugin/builtins.generated.ts'
import { makeRegistry } from '../src/plugin/make-registry.ts'

/**
 * The pages of docs/ say what this version has. Their lists of commands and flags are written from the command tables:
 * `FLOTILLA_WRITE_DOCS=1 npm test -- --project unit test/docs.test.ts` after a table has changed.
 */

const root = resolve(import.meta.dirname, '..')
const isWriting = process.env['FLOTILLA_WRITE_DOCS'] === '1'

interface Page {
  readonly file: string
  readonly program: string
  readonly globals: FlagTable
  readonly commands: readonly Command[]
}

const pages: readonly Page[] = [
  { file: 'docs/machine.md', program: 'docker-machine', globals: machineGlobals, commands: machineCommands },
  { file: 'docs/swarm.md', program: 'swarm', globals: swarmGlobals, commands: swarmCommands },
  { file: 'docs/compose.md', program: 'docker-compose', globals: composeGlobals, commands: composeCommands },
]

function readText(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replace(/\s+/g, ' ')
}

function renderDefault(flag: FlagSpec): string {
  const value = Array.isArray(flag.default) ? flag.default.join(', ') : String(flag.default ?? '')
  return value === '' || flag.kind === 'boolean' ? '' : ` Default \`${value}\`.`
}

function renderFlags(flags: FlagTable): readonly string[] {
  const shown = Object.entries(flags).filter(([, flag]) => flag.hidden !== true)
  if (shown.length === 0) return []
  const rows = shown.map(([name, flag]) => {
    const dashes = (spelling: string): string => (spelling.length === 1 ? `-${spelling}` : `--${spelling}`)
    const spellings = [name, ...(flag.aliases ?? [])].map(dashes)
    if (flag.short !== undefined) spellings.push(`-${flag.short}`)
    const many = flag.kind === 'strings' ? ' May be given many times.' : ''
    const brief = flag.brief.replace(/\.?$/, '.')
    const variables = (flag.env ?? []).map((each) => `\`${each}\``).join(', ')
    const names = [...new Set(spellings)].map((each) => `\`${each}\``).join(', ')
    return `| ${names} | ${variables} | ${escape(brief)}${many}${renderDefault(flag)} |`
  })
  return ['', '| flag | environment | |', '|---|---|---|', ...rows]
}

function renderCommand(program: string, command: Command): string {
  const names = [command.name, ...(command.aliases ?? [])].join(', ')
  const below = command.commands?.filter((each) => each.hidden !== true)
  const args = below === undefined ? command.args.map((arg) => arg.name) : ['COMMAND']
  const words = [program, command.name, '[OPTIONS]', ...args].join(' ')
  return [
    `### ${names}`,
    '',
    `\`${words}\``,
    '',
    command.brief.replace(/\.?$/, '.'),
    ...renderFlags(command.flags),
    ...(below ?? []).flatMap((each) => [
      '',
      renderCommand(`${program} ${command.name}`, each).replace(/^### /, `#### ${command.name} `),
    ]),
  ].join('\n')
}

/** Compares what stands between the marks of a page with what should, or writes it. */
function checkRegion(file: string, name: string, wanted: string): void {
  const text = readText(file)
  const [start, end] = [`<!-- ${name}: written by test/docs.test.ts -->\n`, `\n<!-- end of ${name} -->`]
  const [from, to] = [text.indexOf(start), text.indexOf(end)]
  expect(from >= 0 && to > from, `${file} has no region "${name}"`).toBe(true)
  if (isWriting) writeFileSync(join(root, file), text.slice(0, from) + start + wanted + text.slice(to))
  else expect(text.slice(from + start.length, to)).toBe(wanted)
}

const driverFlags = await readDriverFlags()

/** Pages that people type from. */
const examplePages = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

describe.each(pages)('$file', ({ file, program, globals, commands }) => {
  it('lists every command and flag of the table and no other', () => {
    const visible = commands.filter((command) => command.hidden !== true)
    const sections = visible.map((command) => renderCommand(program, command))
    checkRegion(
      file,
      'commands',
      [`Before the command word:`, ...renderFlags(globals), '', ...sections.join('\n\n').split('\n')].join('\n'),
    )
  })
})

describe.each([...pages, { program: 'flotilla', globals: flotillaGlobals, commands: flotillaCommands }])(
  'examples that call $program',
  ({ program, globals, commands }) => {
    it.each(examplePages)('%s has only commands and flags that exist', (file) => {
      const known = new Map(
        commands.flatMap((command) => [command.name, ...(command.aliases ?? [])].map((name) => [name, command])),
      )
      const unknown = exampleLines(readText(file), program).flatMap((words) => {
        const at = words.findIndex((word) => !word.startsWith('-') && known.has(word))
        const group = known.get(words[at] ?? '')
        const command = group?.commands?.find(({ name }) => name === words[at + 1]) ?? group
        if (command === undefined) return [`${program} ${words.join(' ')}`]
        // A group's command that asks for more flags takes those of the command of the same name.
        const more = group === command || command.moreFlags === undefined ? {} : (known.get(command.name)?.flags ?? {})
        const flags = { ...globals, ...more, ...command.flags }
        const own = command.stopsAtArgument === true ? words.slice(0, at + 1) : words
        return own.filter((word) => /^--[a-z]/.test(word) && !isFlag(word, flags, command) && !isOfPage(word, words))
      })
      expect(unknown).toEqual([])
    })
  },
)

/** Flags of drivers are known only to their descriptors. */
function isFlag(word: string, flags: FlagTable, command: Command): boolean {
  const name = word.slice(2).replace(/=.*/s, '')
  if (name === 'help' || Object.hasOwn(flags, name)) return true
  return command.moreFlags !== undefined && driverFlags.has(name)
}

/** A flag of a driver that the page itself writes: it begins with the name of the driver. */
function isOfPage(word: string, words: readonly string[]): boolean {
  const name = words[words.findIndex((each) => each === '-d' || each === '--driver') + 1] ?? ''
  return !makeRegistry(builtins).has('driver', name) && word.startsWith(`--${name}-`)
}

async function readDriverFlags(): Promise<ReadonlySet<string>> {
  const registry = makeRegistry(builtins)
  const load = (name: string): Promise<DriverDescriptor> => registry.load<DriverDescriptor>('driver', name)
  const descriptors = await Promise.all(registry.names('driver').map(load))
  return new Set(descriptors.flatMap((descriptor) => Object.keys(descriptor.flags)))
}

/** The words after the program's name in the shell blocks of a page, a line each. */
function exampleLines(text: string, program: string): readonly (readonly string[])[] {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '')
  const lines = blocks.flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))
  const call = new RegExp(`(?:^|[;|(&"]\\s*|then\\s|do\\s)${program}\\s+([^|;&)#>]*)`, 'g')
  return lines.flatMap((line) => [...line.matchAll(call)].map((match) => (match[1] ?? '').trim().split(/\s+/)))
}

describe('docs/reliability.md on limits', () => {
  const head = ['| limit | default | of | beyond it |', '|---|---|---|---|']

  it('lists those of a manager', () => {
    const rows = Object.entries(limitOptions).map(
      ([name, option]) =>
        `| \`swarm.limit.${name}\` | \`${renderLimit(option, managerLimits)}\` | ${escape(option.brief)} | ${escape(option.breach)} |`,
    )
    checkRegion('docs/reliability.md', 'limits of a manager', [...head, ...rows].join('\n'))
  })

  it('lists those of Compose files', () => {
    const rows = Object.entries(limitSettings).map(
      ([name, { kind, brief, breach }]) =>
        `| \`${name}\` | \`${renderAmount(kind, projectLimits[name as keyof LoadLimits])}\` | ${escape(brief)} | ${escape(breach)} |`,
    )
    checkRegion('docs/reliability.md', 'limits of Compose files', [...head, ...rows].join('\n'))
  })
})

describe('docs/machine.md on drivers', () => {
  it('lists every driver with its flags', async () => {
    const registry = makeRegistry(builtins)
    const sections: string[] = []
    for (const name of registry.names('driver')) {
      const descriptor = await registry.load<DriverDescriptor>('driver', name)
      sections.push([`### Driver ${name}`, ...renderFlags(descriptor.flags)].join('\n'))
    }
    checkRegion('docs/machine.md', 'drivers', sections.join('\n\n'))
  })

  it('docs/drivers.md names every driver with what its README says first', () => {
    const rows = makeRegistry(builtins)
      .names('driver')
      .map((name) => {
        const file = `src/machine/drivers/${name}/README.md`
        const first = readText(file).split(/\n\n/)[1] ?? ''
        const sentence = /^[\s\S]*?[.:;](?=\s|$)/.exec(first)?.[0].replace(/[.:;]$/, '.') ?? ''
        return `| [\`${name}\`](../${file}) | ${escape(sentence)} |`
      })
    checkRegion('docs/drivers.md', 'list', ['| driver | |', '|---|---|', ...rows].join('\n'))
  })
})

describe('docs/testing.md', () => {
  it('names everything a lab and its hosts can do', () => {
    const page = readText('docs/testing.md')
    const types = readText('src/testing/lab/types.ts')
    const members = ['LabOptions', 'LabHost', 'Lab'].flatMap((name) => {
      const body = new RegExp(`export interface ${name} \\{\\n([\\s\\S]*?)^\\}`, 'm').exec(types)?.[1] ?? ''
      return [...body.matchAll(/^ {2}(?:readonly )?(\w+)[?(:]/gm)].map((match) => match[1] ?? '')
    })
    expect(members.length).toBeGreaterThan(30)
    expect(members.filter((name) => !new RegExp(`\`[^\`\n]*\\b${name}\\b`).test(page))).toEqual([])
  })

  it('names every fault of the fake engine and of the proxy', () => {
    const page = readText('docs/testing.md')
    const options = readText('src/testing/fake-engine/options.ts') + readText('src/testing/fault-proxy.ts')
    const kinds = [...options.matchAll(/readonly kind: '([a-z-]+)'/g)].map((match) => match[1] ?? '')
    const known = kinds.filter((kind) => !['unix', 'tcp', 'none'].includes(kind))
    expect(known.length).toBeGreaterThan(10)
    expect(known.filter((kind) => !page.includes(`\`${kind}\``))).toEqual([])
  })
})

describe('docs/operations.md', () => {
  it('names every metric and no other', () => {
    const named = new Set(
      [...readText('docs/operations.md').matchAll(/`((?:flotilla|process)_[a-z_]+)`/g)].map((match) => match[1] ?? ''),
    )
    const known = [...readText('src/cluster/metrics/families.ts').matchAll(/'((?:flotilla|process)_[a-z_]+)'/g)].map(
      (match) => match[1] ?? '',
    )
    expect([...named].sort()).toEqual([...new Set(known)].sort())
  })
})

describe('all pages', () => {
  const files = [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
  ]

  it('link only to files that exist', () => {
    const broken = files
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) =>
        [...readText(file).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)]
          .map((match) => match[1] ?? '')
          .filter((target) => !existsSync(join(root, dirname(file), target)))
          .map((target) => `${file} → ${target}`),
      )
    expect(broken).toEqual([])
  })

  it('link only to headings that exist', () => {
    const broken = files
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) =>
        [...readText(file).matchAll(/\]\((?!https?:)([^)#]*\.md)?#([^)]+)\)/g)]
          .map((match) => ({ page: join(dirname(file), match[1] ?? basename(file)), anchor: match[2] ?? '' }))
          .filter(({ page, anchor }) => existsSync(join(root, page)) && !anchorsOf(readText(page)).has(anchor))
          .map(({ page, anchor }) => `${file} → ${page}#${anchor}`),
      )
    expect(broken).toEqual([])
  })

  it('name only files of the repository that exist', () => {
    const named = /`((?:src|test|scripts|docs)\/[\w./-]+\.(?:ts|md|mjs))`/g
    const missing = files
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) =>
        [...readText(file).matchAll(named)]
          .map((match) => match[1] ?? '')
          .filter((path) => !existsSync(join(root, path)))
          .map((path) => `${file} → ${path}`),
      )
    expect(missing).toEqual([])
  })
})

/** The names under which GitHub and others make headings reachable. */
function anchorsOf(text: string): ReadonlySet<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? '')
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}
