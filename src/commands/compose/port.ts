import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import type { portFlags } from './lifecycle-table.ts'
import { findContainer, requireArguments } from './one-container.ts'
import { withSession } from './session.ts'
import { requireTarget } from './target.ts'

const highestPort = 65_535

export const run: Run<typeof portFlags> = async (ctx, flags, args) => {
  requireArguments(args, 2)
  const [service = '', text = ''] = args
  const target = readPort(text)
  const protocol = flags.protocol.toLowerCase()
  const { name: project } = await requireTarget(ctx, [])
  await withSession(ctx, async (session) => {
    const container = await findContainer(ctx, session, { project, service, index: flags.index })
    const port = container.ports.find(
      (entry) => entry.target === target && entry.protocol === protocol && entry.published !== undefined,
    )
    if (port === undefined) {
      const there = container.ports.map((entry) => `${entry.published ?? 0}/${entry.protocol}`).join(', ')
      throw new FlotillaError(
        'compose/not-found',
        `no port ${target}/${protocol} for container ${container.name}: ${there}`,
      )
    }
    const ip = port.hostIp ?? ''
    ctx.stdout.write(`${ip.includes(':') ? `[${ip}]` : ip}:${port.published ?? 0}\n`)
  })
}

/** @throws {cli/invalid-value} in the words of Go's `strconv.ParseUint` */
function readPort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text)) {
    throw new FlotillaError('cli/invalid-value', `strconv.ParseUint: parsing "${text}": invalid syntax`)
  }
  if (port > highestPort) {
    throw new FlotillaError('cli/invalid-value', `strconv.ParseUint: parsing "${text}": value out of range`)
  }
  return port
}
