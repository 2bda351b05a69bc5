import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { silentLog } from '../../core/log.ts'
import { systemClock } from '../../io/clock.ts'
import { startTenantBed } from '../../testing/tenant-bed.ts'
import type { TenantBed } from '../../testing/tenant-bed.ts'
import { TENANT_LABEL } from '../tenants/owner.ts'
import type { Audit } from './audit.ts'
import { openAudit } from './open-audit.ts'

/** Access, tenants and the audit log at once: each of them reads a body, and two write it anew. */

let folder: string
let audit: Audit
let bed: TenantBed

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flotilla-audit-'))
  const options = { maxBytes: 10_000_000, clock: systemClock, log: silentLog }
  audit = await openAudit({ path: join(folder, 'log'), isRequired: true, ...options })
  bed = await startTenantBed([{ images: ['box:1'] }], '{blue: {}, red: {}}', { audit })
})

afterEach(async () => {
  await bed.close()
  await audit.close()
  await rm(folder, { recursive: true, force: true })
})

async function lines(): Promise<readonly Record<string, unknown>[]> {
  const text = await readFile(join(folder, 'log'), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** Once it is there. */
async function line(kind: string, path: string): Promise<Record<string, unknown>> {
  let found: Record<string, unknown> = {}
  const find = async (): Promise<boolean> => {
    const all = (await lines()).filter((each) => each['kind'] === kind && each['path'] === path)
    found = all[0] ?? {}
    return all.length > 0
  }
  await expect.poll(find).toBe(true)
  return found
}

it('says who asked, and what reaches the engine is what was checked', async () => {
  const body = { Image: 'box:1', labels: { [TENANT_LABEL]: 'red', a: 'b' }, Env: ['DB_PASSWORD=hunter2'] }
  expect((await bed.as('blue')('POST', '/containers/create?name=web', body)).status).toBe(201)
  const asked = await line('asked', '/containers/create')
  expect(asked).toMatchObject({ who: 'blue', how: 'token', role: 'tenant', tenant: 'blue' })
  expect(JSON.stringify(await lines())).not.toContain('hunter2')
  expect(await line('done', '/containers/create')).toMatchObject({ status: 201, node: 'n1' })
  const made = [...(bed.engines[0]?.state.containers.values() ?? [])]
  expect(made.map((each) => each.config.Labels)).toMatchObject([{ [TENANT_LABEL]: 'blue', a: 'b' }])
})

it('tells of what was refused', async () => {
  expect((await bed.as('blue')('POST', '/containers/create?name=web', { Image: 'box:1' })).status).toBe(201)
  expect((await bed.as('red')('DELETE', '/containers/web')).status).toBe(404)
  expect(await line('done', '/containers/web')).toMatchObject({ who: 'red', tenant: 'red', status: 404 })
  const wanted = { Image: 'box:1', hostconfig: { PRIVILEGED: true } }
  expect((await bed.as('red')('POST', '/containers/create?name=root', wanted)).status).toBe(403)
  await expect.poll(async () => (await lines()).filter((each) => each['status'] === 403)).toHaveLength(1)
  expect(bed.engines[0]?.state.containers.size).toBe(1)
})
