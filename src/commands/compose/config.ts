import { writeFileSync } from 'node:fs'
import type { Context, Run } from '../../cli/command.ts'
import { checkContainerNames } from '../../compose/load/consistency.ts'
import type { LoadOptions } from '../../compose/load/options.ts'
import {
  applyDefaultPlatform,
  dependencyOrder,
  dropUnused,
  requireService,
  selectServices,
} from '../../compose/load/select.ts'
import { makeDictionary, sortedNames } from '../../compose/model/dictionary.ts'
import type { Project } from '../../compose/model/project.ts'
import { renderProject, renderTree } from '../../compose/model/render/project.ts'
import type { Service } from '../../compose/model/service.ts'
import type { Format } from '../../compose/model/render/struct.ts'
import { toImageReference } from '../../compose/translate/name.ts'
import { FlotillaError } from '../../core/errors.ts'
import { fileReason } from '../../core/file-reason.ts'
import type { FlagValues } from '../../core/flag.ts'
import type { configFlags } from './config-table.ts'
import { openTree, openWritten } from './project.ts'

type Flags = FlagValues<typeof configFlags>

export const run: Run<typeof configFlags> = async (ctx, flags, args) => {
  const list = await renderList(ctx, flags, args)
  const text = list ?? (await renderWhole(ctx, flags, args))
  if (text === undefined) return
  // Lists go to stdout whatever `--output` says, as with the reference program: the file is for a project.
  if (list !== undefined || flags.output === undefined || flags.output === '') ctx.stdout.write(text)
  else writeOutput(flags.output, text)
}

/** The first of the listing flags wins, in the reference program's order; nothing: it is the whole project that is asked for. */
async function renderList(ctx: Context, flags: Flags, args: readonly string[]): Promise<string | undefined> {
  if (flags.services) return renderServices(ctx, flags)
  if (flags.volumes) return renderNames(await open(ctx, flags, []), 'volumes')
  if (flags.networks) return renderNames(await open(ctx, flags, []), 'networks')
  if (flags.models) return renderModels(await open(ctx, flags, []))
  if (flags.hash !== undefined && flags.hash !== '')
    return renderHashes(applyDefaultPlatform(await open(ctx, flags, [])), flags.hash)
  if (flags.profiles) return renderProfiles(await open(ctx, flags, args))
  if (flags.images) return renderImages(await open(ctx, flags, args))
  if (flags.variables) {
    // With it comes the measuring of text for terminals, a tenth of what `config` of a small file takes.
    const { renderVariables } = await import('./config-variables.ts')
    return renderVariables(await openTree(ctx, { ...toOptions(ctx, flags), skipInterpolation: true }), flags.format)
  }
  if (!flags.environment) return undefined
  const found = await open(ctx, flags, args)
  // The only listing that the reference program keeps to itself with `--quiet`.
  return flags.quiet ? '' : renderEnvironment(found)
}

function toOptions(ctx: Context, flags: Flags): Partial<LoadOptions> {
  return {
    skipNormalization: flags['no-normalize'] || ctx.globals['compatibility'] === true,
    skipPathResolution: flags['no-path-resolution'],
    skipConsistency: flags['no-consistency'],
    skipEnvironment: flags['no-env-resolution'],
    skipInterpolation: flags['no-interpolate'],
  }
}

async function open(ctx: Context, flags: Flags, args: readonly string[]): Promise<Project> {
  const project = selectServices(await openWritten(ctx, toOptions(ctx, flags), args), args)
  return args.length === 0 || ctx.globals['all-resources'] === true ? project : dropUnused(project)
}

/** @returns nothing where the project is only to be checked */
async function renderWhole(ctx: Context, flags: Flags, args: readonly string[]): Promise<string | undefined> {
  const format = readFormat(flags.format)
  if (flags['no-interpolate']) {
    const tree = await openTree(ctx, toOptions(ctx, flags))
    return flags.quiet ? undefined : renderTree(tree, format)
  }
  const project = await pinImages(ctx, flags, await open(ctx, flags, args))
  if (!flags['no-consistency']) checkContainerNames(project)
  if (flags.quiet) return undefined
  // What is printed is itself a file: a dollar sign in it must survive being read.
  return renderProject(project, format).replaceAll('$', '$$$$')
}

/** `--resolve-image-digests` and `--lock-image-digests`: asks the registries, and the engine for those it alone reaches. */
async function pinImages(ctx: Context, flags: Flags, project: Project): Promise<Project> {
  const isLock = flags['lock-image-digests']
  if (!isLock && !flags['resolve-image-digests']) return project
  const { makePinning } = await import('./pin-image.ts')
  const pin = makePinning(ctx)
  const services = makeDictionary<Service>()
  for (const service of Object.values(project.services)) {
    const image = service.image === undefined ? {} : { image: await pin(service.image) }
    const kept = isLock ? ({ name: service.name } as Service) : service
    services[service.name] = { ...kept, ...image }
  }
  return isLock ? toLockFile(project, services) : { ...project, services }
}

/**
 * Nothing but images: a name in it would win over the one of the files that it is added to, and over that of the folder.
 */
function toLockFile(project: Project, services: Project['services']): Project {
  const none = makeDictionary<never>()
  const empty = { name: '', networks: none, volumes: none, secrets: none, configs: none, models: none }
  const kept = Object.fromEntries(
    Object.entries(project).filter(([key]) => !key.startsWith('x-')),
  ) as unknown as Project
  return { ...kept, ...empty, services }
}

function readFormat(format: string | undefined): Format {
  if (format === undefined || format === '' || format === 'yaml') return 'yaml'
  if (format === 'json') return 'json'
  throw new FlotillaError('cli/invalid-value', `unsupported format ${JSON.stringify(format)}`)
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('')
}

async function renderServices(ctx: Context, flags: Flags): Promise<string> {
  if (!flags['no-interpolate']) return lines(dependencyOrder(await open(ctx, flags, [])))
  const tree = await openTree(ctx, toOptions(ctx, flags))
  const services = tree['services']
  return lines(typeof services === 'object' && services !== null ? Object.keys(services).sort() : [])
}

function renderNames(project: Project, kind: 'volumes' | 'networks'): string {
  return lines(sortedNames(project[kind]))
}

/** The models themselves and not their keys. */
function renderModels(project: Project): string {
  return lines(sortedNames(project.models).map((name) => project.models[name]?.model ?? name))
}

async function renderHashes(project: Project, asked: string): Promise<string> {
  // With it comes the cryptography of Node, which `config` alone does without.
  const { hashService } = await import('../../compose/hash.ts')
  const names = asked === '*' ? sortedNames(project.services) : asked.split(',').sort()
  return lines(names.map((name) => `${name} ${hashService(requireService(project, name))}`))
}

function renderProfiles(project: Project): string {
  const all = [...Object.values(project.services), ...Object.values(project.disabledServices)]
  return lines([...new Set(all.flatMap((service) => service.profiles ?? []))].sort())
}

function renderImages(project: Project): string {
  return lines(sortedNames(project.services).map((name) => toImageReference(project, requireService(project, name))))
}

function renderEnvironment(project: Project): string {
  return lines(
    Object.entries(project.environment)
      .map(([key, value]) => `${key}=${value}`)
      .sort(),
  )
}

function writeOutput(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    throw new FlotillaError('io/file', `open ${path}: ${fileReason(error)}`, { cause: error })
  }
}
