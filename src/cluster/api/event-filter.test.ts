import { describe, expect, it } from 'vitest'
import { isWantedEvent } from './event-filter.ts'

const node = { Name: 'n1', Id: 'N1', Addr: '10.0.0.1:2375', Ip: '10.0.0.1' }

function event(type: string, action: string, id: string, attributes: Record<string, string> = {}): object {
  return { Type: type, Action: action, Actor: { ID: id, Attributes: attributes }, node }
}

const web = event('container', 'exec_create: sh -c true', 'c0ffee00', { name: 'web-1', image: 'localhost:5000/app:2' })
const tagged = event('image', 'tag', `sha256:${'ab'.repeat(32)}`, { name: 'localhost:5000/app:2' })
const pulled = event('image', 'pull', 'alpine:3.20', { name: 'alpine' })
const service = event('service', 'update', 's1234', { name: 'front' })

describe('filters of events', () => {
  it.each([
    // moby daemon/events/filter.go: fuzzyMatchName
    ['a name by its beginning', web, { container: ['web'] }, true],
    ['a name with its node', web, { container: ['n1/web-1'] }, true],
    ['a name of another node', web, { container: ['n2/web-1'] }, false],
    ['an ID by its beginning', web, { container: ['c0ff'] }, true],
    ['no name', web, { container: [''] }, false],
    ['one of several', web, { container: ['db', 'web-1'] }, true],
    ['every key', web, { container: ['web-1'], type: ['image'] }, false],
    ['an action with what follows its colon', web, { event: ['exec_create'] }, true],
    ['an action by its beginning', web, { event: ['exec'] }, false],
    // The same: matchImage, stripTag
    ['the image of a container', web, { image: ['localhost:5000/app:2'] }, true],
    ['that image without its tag', web, { image: ['localhost:5000/app'] }, true],
    ['the registry alone', web, { image: ['localhost'] }, false],
    ['a tag', tagged, { image: ['localhost:5000/app:2'] }, true],
    ['a tag’s repository', tagged, { image: ['localhost:5000/app'] }, true],
    ['a short ID of an image', tagged, { image: ['abababababab'] }, true],
    ['a pull by repository', pulled, { image: ['alpine'] }, true],
    ['a pull by tag', pulled, { image: ['alpine:3.20'] }, true],
    ['an image by its beginning', pulled, { image: ['alp'] }, false],
    ['a service by its name', service, { service: ['front'] }, true],
    ['another service', service, { service: ['back'] }, false],
    ['a service among containers', web, { service: ['front'] }, false],
    ['a secret among containers', web, { secret: ['key'] }, false],
    ['the node', web, { node: ['n1'] }, true],
    ['another node', web, { node: ['n2'] }, false],
  ])('%s', (_, given, filters, expected) => {
    expect(isWantedEvent(given as Record<string, unknown>, new Map(Object.entries(filters)))).toBe(expected)
  })
})
