import type { Context, Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { psFleetTable, psHeadings, psRaw, psTable, toPsRow } from '../../compose/ps.ts'
import type { PsRow } from '../../compose/ps.ts'
import type { ObservedContainer } from '../../compose/plan/observed.ts'
import { observeContainers } from '../../compose/observe.ts'
import type { Project } from '../../compose/model/project.ts'
import type { psFlags } from './lifecycle-table.ts'
import { renderDockerRows } from './row-format.ts'
import { withSession } from './session.ts'
import { requireTarget } from './target.ts'

const states = ['paused', 'restarting', 'removing', 'running', 'dead', 'created', 'exited'] as const

export const run: Run<typeof psFlags> = async (ctx, flags, args) => {
  const wanted = readStates(flags)
  const { name, project } = await requireTarget(ctx, args)
  await withSession(ctx, async (session) => {
    const all = await observeContainers(session.engine, name, { signal: ctx.signal })
    // Where only labels are known, a service without containers is no mistake.
    if (project !== undefined) checkServices(args, all, project)
    const isFromSource = readSource(flags.filter, project)
    const isShown = (container: ObservedContainer): boolean => {
      if (args.length > 0 && !args.includes(container.service)) return false
      if (!isFromSource(container.service)) return false
      if (!flags.orphans && project !== undefined && project.services[container.service] === undefined) return false
      if (wanted.length > 0) return wanted.includes(container.state)
      if (flags.all) return true
      return (
        !container.isOneOff &&
        (container.state === 'running' || container.state === 'paused' || container.state === 'restarting')
      )
    }
    const shown = all.filter(isShown).sort((a, b) => (a.name < b.name ? -1 : 1))
    print(ctx, flags, shown, await chooseFormat(ctx, flags))
  })
}

type PsFlags = Parameters<typeof run>[1]

function readStates(flags: PsFlags): readonly string[] {
  const wanted = [...flags.status]
  if (flags.filter !== undefined) {
    const [key = '', value] = flags.filter.split('=')
    if (value === undefined)
      throw new FlotillaError('cli/invalid-value', 'arguments to --filter should be in form KEY=VAL')
    if (key === 'status') wanted.push(value)
    else if (key !== 'source') throw new FlotillaError('cli/invalid-value', `unknown filter ${key}`)
  }
  const unknown = wanted.find((state) => !states.some((known) => known === state))
  if (unknown !== undefined) throw new FlotillaError('cli/invalid-value', `unknown status "${unknown}"`)
  return wanted
}

/** `--filter source=image|build` of Compose v1: services by where their image comes from. */
function readSource(filter: string | undefined, project: Project | undefined): (service: string) => boolean {
  const source = /^source=(.*)$/s.exec(filter ?? '')?.[1]
  if (source === undefined) return () => true
  if (source !== 'image' && source !== 'build') {
    throw new FlotillaError('cli/invalid-value', `invalid value for filter source: "${source}"`)
  }
  if (project === undefined) {
    throw new FlotillaError('cli/usage', 'filter source needs the Compose file, which is not read with --project-name')
  }
  return (service) => {
    const known = project.services[service]
    return known !== undefined && (known.build === undefined ? source === 'image' : source === 'build')
  }
}

/** A service without containers is no mistake when the files have it. */
function checkServices(services: readonly string[], containers: readonly ObservedContainer[], project: Project): void {
  const known = new Set([...containers.map((container) => container.service), ...Object.keys(project.services)])
  const missing = services.find((service) => !known.has(service))
  if (missing !== undefined) throw new FlotillaError('compose/not-found', `no such service: ${missing}`)
}

/** The flag's, else that of the user's habits where it is a format of rows. */
async function chooseFormat(ctx: Context, flags: PsFlags): Promise<string> {
  if (flags.given('format') || flags.quiet || flags.services) return flags.format
  const { readDockerHabits } = await import('../../engine/docker-config.ts')
  return (await readDockerHabits(ctx.env)).psFormat ?? flags.format
}

function print(ctx: Context, flags: PsFlags, containers: readonly ObservedContainer[], wanted: string): void {
  if (flags.quiet)
    return writeLines(
      ctx,
      containers.map((container) => container.id),
    )
  if (flags.services) return writeLines(ctx, [...new Set(containers.map((container) => container.service))])
  const isWhole = flags['no-trunc']
  const rows = containers.map((container) => toPsRow(container, { nowMs: ctx.clock.nowMs(), isWhole }))
  if (wanted === 'json') return writeLines(ctx, rows.map(renderJson))
  const table = containers.some((container) => container.node !== undefined) ? psFleetTable : psTable
  const named: Readonly<Record<string, string>> = { '': table, table, pretty: table, raw: psRaw }
  const format = Object.hasOwn(named, wanted) ? (named[wanted] ?? '') : wanted
  const views = rows.map((row, index) => withLabels(row, containers[index]))
  ctx.stdout.write(renderDockerRows(format, psHeadings, views, '*formatter.ContainerContext'))
}

/** `{{.Label "k"}}` in templates. */
function withLabels(row: PsRow, container: ObservedContainer | undefined): unknown {
  return { ...row, Label: (name: string) => container?.labels[name] ?? '' }
}

/** Go escapes what HTML would read. */
function renderJson(row: PsRow): string {
  return JSON.stringify(row).replace(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function writeLines(ctx: Context, lines: readonly string[]): void {
  if (lines.length > 0) ctx.stdout.write(`${lines.join('\n')}\n`)
}
