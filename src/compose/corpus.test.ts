import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { materialsOf } from '../../test/compose-field-rows.ts'
import { kindOfPath, readTextNow, resolveLinks } from '../io/text-files.ts'
import { applyPlan } from '../testing/apply-plan.ts'
import { emptyEngine } from '../testing/compose-builders.ts'
import { dropUnused } from './load/select.ts'
import { readProject } from './load/source.ts'
import { materialKey } from './model/material.ts'
import type { Material, Materials } from './model/material.ts'
import type { Project } from './model/project.ts'
import { furtherImages } from './plan/image-plan.ts'
import { planDown } from './plan/down.ts'
import type { Observed } from './plan/observed.ts'
import { defaultReconcileOptions } from './plan/options.ts'
import { isQuestions, renderPlan } from './plan/plan.ts'
import type { Plan } from './plan/plan.ts'
import { reconcile } from './plan/reconcile.ts'
import { toImageReference } from './translate/name.ts'

/** Files of the kind that well-known projects have, brought up and taken down. How they are printed: compose-agreement.e2e.ts. */

const corpus = join(import.meta.dirname, '../../test/fixtures/compose-corpus')

/** As a user in its folder loads it, with all of its profiles; `dotenv` stands for `.env`. */
async function load(name: string): Promise<Project> {
  const real = (path: string): string => (basename(path) === '.env' ? path.replace(/\.env$/, 'dotenv') : path)
  const project = await readProject(
    {
      cwd: join(corpus, name),
      env: { HOME: '/home/u' },
      files: [],
      envFiles: [],
      profiles: ['*'],
      readStdin: async () => '',
    },
    {
      files: {
        readText: (path, maxBytes) => readTextNow(real(path), maxBytes),
        kindOf: (path) => (existsSync(real(path)) ? kindOfPath(real(path)) : 'missing'),
        resolveLinks,
      },
    },
  )
  return dropUnused(project)
}

/** What configs and secrets hold, those of a swarm as its manager gives them out. */
function contentsOf(project: Project): Materials {
  const { entries, ...rest } = materialsOf(project)
  const external = Object.entries(project.configs).filter(([, config]) => config.external === true)
  const given = external.map(([name]) => [materialKey('config', name), { content: Buffer.from(name) }] as const)
  return { ...rest, entries: new Map<string, Material>([...entries, ...given]) }
}

function plan(project: Project, have: Observed): Plan {
  const materials = contentsOf(project)
  const outcome = reconcile(project, have, { ...defaultReconcileOptions, apiVersion: '1.51', materials })
  if (isQuestions(outcome)) throw new Error('asked without need')
  return outcome
}

/** An engine with the images of a project, and what the project takes as given. */
function engineOf(project: Project): Observed {
  const { services, networks, volumes } = project
  const images = Object.values(services).flatMap((service) => [
    toImageReference(project, service),
    ...furtherImages(service),
  ])
  const external = <T extends { readonly external?: boolean }>(all: Readonly<Record<string, T>>): readonly T[] =>
    Object.values(all).filter((one) => one.external === true)
  return {
    ...emptyEngine(images),
    networks: external(networks).map(({ name }) => ({ id: `id-${name}`, name, driver: 'bridge', labels: {} })),
    volumes: external(volumes).map(({ name }) => ({ name, driver: 'local', labels: {} })),
  }
}

describe('a project as others have it', () => {
  it.each(readdirSync(corpus).sort())('%s comes up whole, stays as it is, and goes without a trace', async (name) => {
    const project = await load(name)
    const before = engineOf(project)
    const up = applyPlan(plan(project, before), before)
    expect(new Set(up.containers.map(({ service }) => service))).toEqual(new Set(Object.keys(project.services)))
    expect(up.containers.every(({ state }) => state === 'running')).toBe(true)
    expect(renderPlan(plan(project, up))).toBe('')
    const everything = { services: [], removeOrphans: true, removeVolumes: true }
    const down = applyPlan(planDown(up, { projectName: project.name, project, ...everything }), up)
    expect({ ...down, images: {} }).toEqual({ ...before, images: {} })
  })
})
