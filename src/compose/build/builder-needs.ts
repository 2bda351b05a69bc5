import { readFile, stat } from 'node:fs/promises'
import { isImageName, readDockerfileImages } from '../../core/dockerfile.ts'
import type { CallOptions } from '../../core/call.ts'
import { FlotillaError, isFlotillaError } from '../../core/errors.ts'
import type { BuilderNeeds } from '../../engine/buildkit/solve.ts'
import type { Engine } from '../../engine/engine.ts'
import { fileReason } from '../../core/file-reason.ts'
import { sortedNames } from '../model/dictionary.ts'
import { observeNodes } from '../observe-nodes.ts'
import { orderByBases } from '../plan/base-order.ts'
import type { Plan } from '../plan/plan.ts'
import type { ImageBuild } from './definition.ts'
import { contextsVersion } from './frontend.ts'

const noNeeds: BuilderNeeds = { images: [] }
const imageScheme = 'docker-image://'
/** More than this is no Dockerfile that anybody wrote. */
const maxTextLength = 1024 * 1024
const mostBytes = 4 * maxTextLength

/**
 * What the endpoint has to be told of a build: of a single engine nothing is needed, and nothing is waited for that is on
 * its way between engines.
 */
export async function findNeeds(engine: Engine, build: ImageBuild, o: CallOptions): Promise<BuilderNeeds> {
  const needs = await readNeeds(build)
  const hasNone = needs.images.length === 0 && needs.apiVersion === undefined
  return hasNone || (await isFleet(engine, o)) ? needs : noNeeds
}

async function isFleet(engine: Engine, o: CallOptions): Promise<boolean> {
  try {
    return (await observeNodes(engine, o)) !== undefined
  } catch (error) {
    // Who may not see the nodes may not use their builder either; others keep what they do not know closed.
    if (isFlotillaError(error) && error.status === 403) return false
    throw error
  }
}

/**
 * What an endpoint over many engines has to know to choose the one that builds, and to bring the images there that only
 * others have. A Dockerfile that the engine fetches is not read.
 */
export async function readNeeds(build: ImageBuild): Promise<BuilderNeeds> {
  const names = sortedNames(build.contexts)
  const images: string[] = []
  for (const name of names) {
    const source = build.contexts[name]
    if (source?.kind === 'remote' && source.url.startsWith(imageScheme))
      images.push(source.url.slice(imageScheme.length))
  }
  // What is to be pulled is nobody's to give.
  if (!build.isPulling) {
    const { bases, frontend } = readDockerfileImages(await readText(build), build)
    images.push(...(frontend === undefined ? [] : [frontend]), ...bases.filter((base) => !names.includes(base)))
  }
  return { images: [...new Set(images.filter(isImageName))], ...(names.length > 0 && { apiVersion: contextsVersion }) }
}

/**
 * Builds after those of the images that their Dockerfiles name. A Dockerfile that cannot be read, or is fetched by the
 * engine, names none: its build says what there is to say.
 */
export async function orderBuilds(plan: Plan): Promise<Plan> {
  if (plan.steps.length < 2) return plan
  const bases = new Map<number, readonly string[]>()
  for (const { id, op } of plan.steps) {
    if (op.kind !== 'build-image') continue
    const { images } = await readNeeds({ ...op.build, isPulling: false }).catch(() => noNeeds)
    bases.set(id, images)
  }
  return orderByBases(plan, bases)
}

async function readText({ dockerfile }: ImageBuild): Promise<string> {
  if (dockerfile.kind === 'remote') return ''
  const text = dockerfile.kind === 'text' ? dockerfile.text : await readDockerfile(dockerfile.path)
  return text.length > maxTextLength ? '' : text
}

/** @throws {io/file} as the classic builder's way does */
async function readDockerfile(path: string): Promise<string> {
  try {
    const found = await stat(path)
    // A pipe may never end; whoever builds says what is wrong with it.
    if (!found.isFile() || found.size > mostBytes) return ''
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new FlotillaError('io/file', `cannot read ${path}: ${fileReason(error)}`, { cause: error })
  }
}
