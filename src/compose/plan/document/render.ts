import type { ContainerAction, ContainerChange, PlanDocument, ServiceChange } from './document.ts'
import type { FieldChange } from './field-changes.ts'

const signs: Readonly<Record<ContainerAction, string>> = {
  create: '+',
  replace: '~',
  restart: '~',
  start: '>',
  stop: '.',
  remove: '-',
  change: '~',
}

const verbs: Readonly<Record<ContainerAction, string>> = {
  create: 'to create',
  replace: 'to replace',
  restart: 'to restart',
  start: 'to start',
  stop: 'to stop',
  remove: 'to remove',
  change: 'to change',
}

/** A plan for people; without changes one line. */
export function renderDocument(document: PlanDocument, options: { readonly hasSteps?: boolean } = {}): string {
  if (!document.hasChanges) return `nothing to do: ${document.summary.unchanged} containers are as wanted\n`
  const lines: string[] = []
  for (const { kind, name, action, reason } of document.resources) {
    const sign = action === 'remove' ? '-' : action === 'replace' ? '~' : '+'
    lines.push(`${sign} ${action} ${kind} ${name} (${reason})`)
  }
  for (const container of document.containers) lines.push(...renderContainer(container))
  lines.push('')
  lines.push(renderSummary(document))
  for (const service of document.services) lines.push(...renderService(service))
  if (options.hasSteps === true) lines.push('', 'steps:', ...document.steps.map((step) => `  ${step}`))
  return `${lines.join('\n')}\n`
}

function renderContainer(container: ContainerChange): readonly string[] {
  const { action, name, reason, fields, node } = container
  const place = node === undefined ? '' : ` on ${node}`
  const unexplained = reason === 'configuration changed' && action === 'replace' && fields.length === 0
  return [
    `${signs[action]} ${action} container ${name}${place} (${reason})`,
    ...fields.map((field) => `    ${renderField(field)}`),
    ...(unexplained ? ['    only the hash of the settings differs: the container does not tell which one'] : []),
  ]
}

function renderField({ field, from, to, isFromKnown }: FieldChange): string {
  if (!isFromKnown) return to === null ? `${field}: no longer set` : `${field}: → ${to} (the old value is not shown)`
  if (from === null) return to === null ? `${field}: changed` : `${field}: not set → ${to}`
  return `${field}: ${from} → ${to ?? 'not set'}`
}

function renderSummary({ summary }: PlanDocument): string {
  const parts = (Object.keys(verbs) as ContainerAction[])
    .filter((action) => summary[action] > 0)
    .map((action) => `${summary[action]} ${verbs[action]}`)
  const containers = parts.length === 0 ? ['none to change'] : parts
  return `containers: ${[...containers, `${summary.unchanged} unchanged`].join(', ')}`
}

function renderService({ name, running, least, hasGap, update }: ServiceChange): readonly string[] {
  const lines: string[] = []
  if (update !== undefined) {
    const pace = update.parallelism === 0 ? 'all at once' : `${update.parallelism} at a time`
    const delay = update.delayMs === 0 ? '' : `, ${update.delayMs / 1000}s apart`
    lines.push(`update of ${name}: ${pace}${delay}, ${update.order}, on failure ${update.failureAction}`)
  }
  if (hasGap) lines.push(`gap: for a while no container of ${name} runs`)
  else if (update !== undefined && least < running) lines.push(`never fewer than ${least} of ${running} of ${name} run`)
  return lines
}
