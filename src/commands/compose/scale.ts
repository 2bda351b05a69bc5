import type { Run } from '../../cli/command.ts'
import { FlotillaError } from '../../core/errors.ts'
import { converge } from '../../compose/converge.ts'
import { requireArguments } from './one-container.ts'
import { resolveOutside } from './outside.ts'
import type { scaleFlags } from './view-table.ts'
import { withSession } from './session.ts'
import { requireProject } from './target.ts'
import { defaultCreation, toConvergeOptions } from './up.ts'

/**
 * Brings services to a number of containers and starts them; what they depend on comes along. What has changed in the file
 * is replaced as by `up`, which is what the reference program does.
 */
export const run: Run<typeof scaleFlags> = async (ctx, flags, args) => {
  requireArguments(args, 1)
  const wanted = args.map(readSpecifier)
  const services = wanted.map(([service]) => service)
  const written = await requireProject(ctx, services)
  const unknown = services.find((service) => written.services[service] === undefined)
  if (unknown !== undefined) throw new FlotillaError('compose/not-found', `no such service: ${unknown}`)
  await withSession(ctx, async (session) => {
    const outside = { services, withoutDependencies: flags['no-deps'], isPlan: session.isDryRun }
    const project = await resolveOutside(ctx, session, written, outside)
    const creation = {
      ...defaultCreation,
      'no-deps': flags['no-deps'],
      scale: wanted.map(([service, count]) => `${service}=${count}`),
      timeout: flags.timeout,
      command: 'docker-compose scale',
      'lock-timeout': flags['lock-timeout'],
      'no-lock': flags['no-lock'],
    }
    const options = toConvergeOptions(ctx, session, project, creation, services)
    // Another number of containers is no reason to replace them: the reference program builds nothing at all.
    await converge(session.engine, project, { ...options, images: { ...options.images, isKeepingBuilt: true } })
  })
}

function readSpecifier(text: string): readonly [string, number] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new FlotillaError('cli/invalid-value', `invalid scale specifier: ${text}`)
  const count = text.slice(equals + 1)
  if (!/^\+?\d+$/.test(count) || !Number.isSafeInteger(Number(count))) {
    throw new FlotillaError('cli/invalid-value', `invalid scale specifier: can't parse replica value as int: ${text}`)
  }
  return [text.slice(0, equals), Number(count)]
}
