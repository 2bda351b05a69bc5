import { withApiSocket } from '../src/compose/api-socket.ts'
import { plainWishes } from '../src/compose/build/definition.ts'
import type { ImageBuild } from '../src/compose/build/definition.ts'
import { toClassicQuery } from '../src/compose/build/classic-query.ts'
import { toSolve } from '../src/compose/build/frontend.ts'
import { mapDictionary } from '../src/compose/model/dictionary.ts'
import { materialKey } from '../src/compose/model/material.ts'
import type { Materials } from '../src/compose/model/material.ts'
import type { Project } from '../src/compose/model/project.ts'
import { defaultImageOptions, furtherImages, planAllBuilds, planPulls } from '../src/compose/plan/image-plan.ts'
import { planDown } from '../src/compose/plan/down.ts'
import type { Observed, ObservedNode } from '../src/compose/plan/observed.ts'
import { defaultReconcileOptions } from '../src/compose/plan/options.ts'
import { isQuestions, renderStep } from '../src/compose/plan/plan.ts'
import type { ContainerRef, Plan, StepOp } from '../src/compose/plan/plan.ts'
import { reconcile } from '../src/compose/plan/reconcile.ts'
import { selectServices } from '../src/compose/plan/selection.ts'
import { planVerb } from '../src/compose/plan/verbs.ts'
import { rosterOfProject } from '../src/compose/plan/dependency.ts'
import { toCreateBody } from '../src/compose/translate.ts'
import { toExecBody } from '../src/compose/translate/exec-body.ts'
import { toInitBody } from '../src/compose/translate/init-body.ts'
import { toImageReference } from '../src/compose/translate/name.ts'
import { applyPlan } from '../src/testing/apply-plan.ts'
import { image } from '../src/testing/compose-builders.ts'

/**
 * Everything an engine is told of a project, from the first `up` to `down`: the calls with their bodies, in the order of
 * the plan, one chapter after the other. Labels that are digests of the whole service are left out, so that two views are
 * equal when, and only when, the engine would be told the same.
 */
export function* engineView(loaded: Project, given: Materials): Generator<readonly string[], void> {
  const asksSocket = Object.values(loaded.services).some((service) => service.use_api_socket === true)
  const project = asksSocket ? withApiSocket(loaded, '{}') : loaded
  const materials = asksSocket ? withCredentials(given) : given
  const services = selectServices(project, [], false).services.filter((service) => service.provider === undefined)
  const external = Object.values(project.networks).filter((network) => network.external === true)
  const before: Observed = {
    containers: [],
    networks: external.map(({ name }) => ({ id: `id-${name}`, name, driver: 'bridge', labels: {} })),
    volumes: Object.values(project.volumes)
      .filter((volume) => volume.external === true)
      .map(({ name }) => ({ name, driver: 'local', labels: {} })),
    images: Object.fromEntries(
      services.flatMap((service) =>
        [toImageReference(project, service), ...furtherImages(service)].map((name) => [name, image('sha256:1')]),
      ),
    ),
  }
  const first = plan(project, before, materials, false)
  yield show('up', first, materials)
  for (const images of [before.images, {}]) {
    const selection = selectServices(project, [], false)
    yield show('pull', planPulls(project, { ...before, images }, selection, defaultImageOptions), materials)
  }
  const built = services.filter((service) => service.build !== undefined)
  yield show('build', planAllBuilds(project, built, plainWishes), materials)
  const after = applyPlan(first, before)
  yield show('up again', plan(withLabel(project), after, materials, false), materials)
  yield show('up on a fleet', plan(project, { ...before, nodes }, materials, true), materials)
  yield show('restart', planVerb({ kind: 'restart' }, rosterOfProject(project, after), []), materials)
  yield show('down', planDown(after, { projectName: project.name, project, ...everything }), materials)
}

function withCredentials({ entries, ...rest }: Materials): Materials {
  return {
    ...rest,
    entries: new Map([...entries, [materialKey('config', '#apisocket'), { content: Buffer.from('{}') }]]),
  }
}

const everything = { services: [], removeOrphans: true, removeVolumes: true } as const

/** A change of every service that is in no other field. */
function withLabel(project: Project): Project {
  return {
    ...project,
    services: mapDictionary(project.services, (service) => ({ ...service, annotations: { z: 'z' } })),
  }
}

const nodes: readonly ObservedNode[] = ['a', 'b', 'c', 'd'].map((name, index) => ({
  name,
  id: `id-${name}`,
  labels: { zone: index < 3 ? 'first' : 'second' },
  role: index === 0 ? 'manager' : 'worker',
  os: 'linux',
  architecture: 'amd64',
  isHealthy: true,
  isActive: true,
  containers: index,
}))

function plan(project: Project, observed: Observed, materials: Materials, isCluster: boolean): Plan {
  const outcome = reconcile(project, observed, { ...defaultReconcileOptions, apiVersion: '1.51', isCluster, materials })
  if (isQuestions(outcome)) throw new Error('asked without need')
  return outcome
}

function show(title: string, { steps, rollouts = [], warnings }: Plan, materials: Materials): readonly string[] {
  return [
    ...steps.map((step) => {
      const mark = step.bestEffort === true ? 'if possible ' : ''
      return `${title}: ${mark}${renderStep(step)} ${JSON.stringify(describeOp(step.op, materials))}`
    }),
    ...rollouts.map((rollout) => `${title}: rollout ${JSON.stringify(rollout)}`),
    ...warnings.map((warning) => `${title}: warning ${warning}`),
  ]
}

function describeOp(op: StepOp, materials: Materials): unknown {
  switch (op.kind) {
    case 'create-network':
    case 'create-volume':
      return { ...op.body, Labels: withoutDigests(op.body.Labels) }
    case 'create-container': {
      const body = toCreateBody(
        op.draft,
        mapDictionary(op.needs, (ref) => ref.name),
      )
      return { platform: op.draft.service.platform, ...body, Labels: withoutDigests(body.Labels) }
    }
    case 'copy-files':
      return op.copies.map((copy) => [copy, String(materials.entries.get(materialKey(copy.kind, copy.name))?.content)])
    case 'run-hook':
      return toExecBody(op.hook, op.service.tty === true)
    case 'run-init':
      return toInitBody({ ...op, containerId: nameOf(op.container), image: 'i', networkMode: 'n' })
    case 'build-image':
      return describeBuild(op.build)
    case 'remove-network':
      return op.name
    default:
      return op
  }
}

function nameOf(ref: ContainerRef): string {
  return ref.name
}

function withoutDigests(labels: Readonly<Record<string, string>>): object {
  const isDigest = (key: string): boolean => key === 'com.docker.compose.config-hash' || key.startsWith('flotilla.')
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !isDigest(key)))
}

/** What BuildKit is asked, with the files and secrets it may fetch; what the classic builder is asked where it can. */
function describeBuild(build: ImageBuild): unknown {
  const { request, folders } = toSolve(build, { apiVersion: '1.51', hasContainerdStore: true })
  const asked = { ...request, folders: [...folders], secrets: build.secrets, ssh: build.ssh }
  try {
    return { ...asked, classic: toClassicQuery(build, 'Dockerfile') }
  } catch {
    return asked
  }
}
