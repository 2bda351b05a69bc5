import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { isAlive } from '../../compose/plan/observed.ts'
import type { portFlags } from './lifecycle-table.ts'
import { withRoster } from './verb.ts'

export const run: Run<typeof portFlags> = async (ctx, flags, args) => {
  const [service, text] = args
  if (service === undefined || text === undefined) {
    throw new FlotillaError('cli/usage', `requires at least 2 arg(s), only received ${args.length}`)
  }
  const target = Number(text)
  if (!Number.isInteger(target) || target < 1 || target > 65_535) {
    throw new FlotillaError('cli/invalid-value', `invalid port "${text}"`)
  }
  await withRoster(ctx, [service], async ({ roster }) => {
    const own = (roster.containers.get(service) ?? []).filter((entry) => !entry.isOneOff)
    const wanted = flags.index ?? own.find(isAlive)?.number
    const container = own.find((entry) => entry.number === wanted)
    if (container === undefined) {
      const which = flags.index === undefined ? '' : ` container #${flags.index}`
      throw new FlotillaError('compose/not-found', `service "${service}" is not running${which}`)
    }
    const port = container.ports.find(
      (entry) => entry.target === target && entry.protocol === flags.protocol && entry.published !== undefined,
    )
    if (port === undefined) {
      const there = container.ports.map((entry) => `${entry.published ?? 0}/${entry.protocol}`).join(', ')
      throw new FlotillaError(
        'compose/not-found',
        `no port ${target}/${flags.protocol} for container ${container.name}: ${there}`,
      )
    }
    const ip = port.hostIp ?? ''
    ctx.stdout.write(`${ip.includes(':') ? `[${ip}]` : ip}:${port.published ?? 0}\n`)
  })
}
