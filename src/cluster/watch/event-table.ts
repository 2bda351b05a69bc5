import { readFields, readText } from '../wire.ts'
import type { Fields } from '../wire.ts'
import type { Fetch } from './messages.ts'

/** Container actions that change nothing a list shows. */
const idleActions: ReadonlySet<string> = new Set([
  'top',
  'resize',
  'export',
  'exec_create',
  'exec_start',
  'exec_detach',
  'exec_die',
  'attach',
  'detach',
  'extract-to-dir',
  'copy',
  'archive-path',
])

/** Container actions after which its details differ. */
const changingActions: ReadonlySet<string> = new Set([
  'die',
  'kill',
  'oom',
  'pause',
  'start',
  'restart',
  'stop',
  'unpause',
  'rename',
  'update',
  'health_status',
])

/** What has to be read again after an engine event (docs of the ancestor: classicswarm cluster/engine.go handler). */
export function listStale(event: Fields): readonly Fetch[] {
  const action = (readText(event, 'Action') || readText(event, 'status')).split(':')[0]?.trim() ?? ''
  const actor = readFields(event, 'Actor')
  const id = readText(actor, 'ID') || readText(event, 'id')
  switch (readText(event, 'Type') || 'container') {
    case 'container':
      return staleAfterContainer(action, id)
    case 'image':
      return [{ what: 'images' }]
    case 'network':
      return staleAfterNetwork(action, id, readText(readFields(actor, 'Attributes'), 'container'))
    case 'volume':
      return staleAfterVolume(action, id)
    case 'node':
      // A swarm was made or has changed: what the engine is in it stands in its specs.
      return [{ what: 'specs' }]
    case 'daemon':
      return action === 'reload' ? [{ what: 'specs' }] : []
    default:
      return []
  }
}

function staleAfterContainer(action: string, id: string): readonly Fetch[] {
  if (action === 'prune') return [{ what: 'containers' }]
  if (id === '' || idleActions.has(action)) return []
  const container: Fetch = { what: 'container', id, isInspected: changingActions.has(action) }
  return action === 'commit' ? [{ what: 'images' }] : [container]
}

function staleAfterNetwork(action: string, id: string, containerId: string): readonly Fetch[] {
  if (action === 'prune' || id === '') return [{ what: 'networks' }]
  const network: Fetch = { what: 'network', id }
  return containerId === '' ? [network] : [network, { what: 'container', id: containerId, isInspected: false }]
}

function staleAfterVolume(action: string, name: string): readonly Fetch[] {
  if (action === 'prune' || name === '') return [{ what: 'volumes' }]
  return action === 'mount' || action === 'unmount' ? [] : [{ what: 'volume', name }]
}
