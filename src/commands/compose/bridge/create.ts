import { promises as fs } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Run } from '../../../cli/command.ts'
import { copyFromImage, defaultTransformation, transformationLabel } from '../../../compose/bridge/transform.ts'
import { FlotillaError } from '../../../core/errors.ts'
import { readRegistryAuth } from '../../../engine/registry-credentials.ts'
import { makeFolder, writeFileAtomic } from '../../../io/files.ts'
import { withSession } from '../session.ts'
import type { createTransformationFlags } from './bridge-table.ts'

export const run: Run<typeof createTransformationFlags> = async (ctx, flags, args) => {
  const [path, ...more] = args
  if (path === undefined || more.length > 0) {
    throw new FlotillaError('cli/usage', '"docker compose bridge transformations create" requires exactly 1 argument')
  }
  const folder = resolve(ctx.cwd, path)
  const held = await fs.readdir(folder).catch(() => [])
  if (held.length > 0) throw new FlotillaError('cli/usage', `output folder ${path} already exists`)
  const from = flags.from === undefined || flags.from === '' ? defaultTransformation : flags.from
  return withSession(ctx, async (session) => {
    if (session.isDryRun) return 0
    const { env, clock, signal } = ctx
    await makeFolder(folder, 0o755)
    await copyFromImage(session.engine, from, '/templates', join(folder, 'templates'), {
      signal,
      progress: session.progress,
      registryAuth: (reference) => readRegistryAuth(reference, { env, clock, signal }),
    })
    const lines = [
      'FROM docker/compose-bridge-transformation',
      `LABEL ${transformationLabel}=transformation`,
      'COPY templates /templates',
      '',
    ]
    await writeFileAtomic(join(folder, 'Dockerfile'), lines.join('\n'), 0o644)
    return 0
  })
}
