import { describe, expect, it } from 'vitest'
import { emptyEngine, project as makeProject, service as makeService } from '../../testing/compose-builders.ts'
import { hashService } from '../hash.ts'
import type { Service } from '../model/service.ts'
import { LABEL } from '../plan/label.ts'
import type { Observed, ObservedContainer } from '../plan/observed.ts'
import { toImageReference } from '../translate/name.ts'
import { keepClassicImages, nameImagesClassic, toClassicImages } from './classic-image.ts'

function built(name: string): Service {
  const { image: _, ...service } = makeService(name, { build: { context: '/p' } })
  return service
}

function container(service: Service, image: string, version: string): ObservedContainer {
  return {
    id: service.name,
    name: `p_${service.name}_1`,
    service: service.name,
    number: 1,
    isOneOff: false,
    state: 'running',
    status: 'Up',
    image,
    imageId: '',
    command: '',
    createdAtMs: 0,
    networks: {},
    mounts: [],
    ports: [],
    labels: { [LABEL.version]: version, [LABEL.configHash]: hashService(service) },
  }
}

describe('images that docker-compose 1 built', () => {
  const web = built('web')
  const want = makeProject([web, built('new'), makeService('named', { build: { context: '/p' } })])
  const never = (): boolean => false
  const nameWith = (observed: Observed, isBuilt = never): string =>
    toImageReference(keepClassicImages(want, observed, isBuilt), web)
  const engine = (images: readonly string[], ...containers: readonly ObservedContainer[]): Observed => ({
    ...emptyEngine(images),
    containers,
  })

  it('are looked for where a build gives the name', () => {
    expect(toClassicImages(want, Object.values(want.services))).toEqual(['p_web', 'p_new'])
  })

  it('stay those of services whose containers are made of them, until there is a newer one', () => {
    expect(nameWith(engine(['p_web'], container(web, 'p_web', '1.29.2')))).toBe('p_web')
    // The name may have gone to another image since.
    expect(nameWith(engine(['p_web'], container(web, 'sha256:0', '1.29.2')))).toBe('p_web')
    // Made anew by this program, of the same image.
    expect(nameWith(engine(['p_web'], container(web, 'p_web', '2.40.3')))).toBe('p_web')
    expect(nameWith(engine(['p_web', 'p-web'], container(web, 'p_web', '1.29.2')))).toBe('p-web')
    expect(nameWith(engine(['p_web'], container(web, 'p_web', '1.29.2')), () => true)).toBe('p-web')
  })

  it('are none of the project where nothing is made of them', () => {
    expect(nameWith(engine(['p_web']))).toBe('p-web')
    expect(nameWith(engine(['p_web'], container(web, 'other', '2.40.3')))).toBe('p-web')
    expect(nameWith(engine([], container(web, 'p_web', '1.29.2')))).toBe('p-web')
  })

  it('have the names that compatibility mode gives to all', () => {
    const names = Object.values(want.services).map((each) => toImageReference(nameImagesClassic(want), each))
    expect(names).toEqual(['p_web', 'p_new', 'busybox'])
  })
})
