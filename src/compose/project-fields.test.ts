import { expect, it } from 'vitest'
import { loadRow, materialsOf } from '../../test/compose-field-rows.ts'
import { projectFields } from '../../test/fixtures/project-fields.ts'
import type { ProjectRow } from '../../test/fixtures/project-fields.ts'
import { makeDictionary } from './model/dictionary.ts'
import { defaultReconcileOptions } from './plan/options.ts'
import { isQuestions } from './plan/plan.ts'
import type { Step } from './plan/plan.ts'
import { reconcile } from './plan/reconcile.ts'
import { toCreateBody } from './translate.ts'
import { image } from '../testing/compose-builders.ts'

/** Every field outside services, from the text of a file to what the engine is told on the first `up`. */

function planUp(yaml: string): readonly Step[] {
  const project = loadRow(yaml)
  const there = { id: 'id-there', name: 'there', driver: 'bridge', labels: {} }
  const observed = {
    containers: [],
    networks: [there],
    volumes: [{ name: 'kept', driver: 'local', labels: {} }],
    images: { busybox: image('sha256:1'), 'busybox:1': image('sha256:2') },
  }
  const outcome = reconcile(project, observed, { ...defaultReconcileOptions, materials: materialsOf(project) })
  if (isQuestions(outcome)) throw new Error('asked without need')
  return outcome.steps
}

function withoutConvention(body: { readonly Labels: Readonly<Record<string, string>> }): object {
  const { Labels: labels, ...rest } = body
  const own = Object.entries(labels).filter(([key]) => !key.startsWith('com.docker.compose.'))
  return { ...rest, ...(own.length > 0 && { Labels: Object.fromEntries(own) }) }
}

it.each(Object.entries(projectFields))('%s is to the engine what the file says', (_, row: ProjectRow) => {
  if (row.refusal !== undefined) {
    expect(() => planUp(row.yaml)).toThrow(row.refusal)
    return
  }
  const steps = planUp(row.yaml)
  const made = steps.flatMap(({ op }) =>
    op.kind === 'create-network' || op.kind === 'create-volume' ? [withoutConvention(op.body)] : [],
  )
  expect(made).toEqual(row.made ?? [])
  expect(steps.flatMap(({ op }) => (op.kind === 'copy-files' ? op.copies : []))).toEqual(row.copies ?? [])
  const containers = steps.flatMap(({ op }) => (op.kind === 'create-container' ? [op] : []))
  expect(containers.map(({ name }) => name)).toEqual(row.containers ?? ['p-web-1'])
  if (row.host === undefined) return
  const { NetworkMode: mode, ...host } = toCreateBody(containers[0]!.draft, makeDictionary()).HostConfig
  expect(mode === 'none' ? host : { ...host, NetworkMode: mode }).toMatchObject(row.host)
})

it('each row says what it is about', () => {
  for (const [name, { made, host, copies, containers, refusal, elsewhere }] of Object.entries(projectFields)) {
    expect(made ?? host ?? copies ?? containers ?? refusal ?? elsewhere, name).toBeDefined()
  }
})
