import type { VolumeCreateBody, VolumeInspect } from '../../engine/api/types-resource.ts'
import { FakeError, hasLabels, isSet, readFilters } from './call.ts'
import type { FakeCall, FakeRoute } from './call.ts'
import { makeId } from './state.ts'
import type { FakeContainer } from './state.ts'

function usersOf(call: FakeCall, name: string): readonly FakeContainer[] {
  return [...call.state.containers.values()].filter(
    (container) =>
      (container.hostConfig.Binds ?? []).some((bind) => bind.startsWith(`${name}:`)) ||
      (container.hostConfig.Mounts ?? []).some((mount) => mount.Type === 'volume' && mount.Source === name),
  )
}

function list(call: FakeCall): void {
  const filters = readFilters(call, ['name', 'label', 'driver', 'dangling'])
  const rows = [...call.state.volumes.values()].filter(
    (volume) =>
      hasLabels(volume.Labels, filters.get('label')) &&
      (filters.get('name')?.some((name) => volume.Name.includes(name)) ?? true) &&
      (filters.get('driver')?.includes(volume.Driver) ?? true),
  )
  call.send(200, { Volumes: rows, Warnings: null })
}

async function create(call: FakeCall): Promise<void> {
  const body = await call.json<VolumeCreateBody>()
  const name = body.Name === undefined || body.Name === '' ? makeId() : body.Name
  const volume: VolumeInspect = call.state.volumes.get(name) ?? {
    Name: name,
    Driver: body.Driver ?? 'local',
    Mountpoint: `/var/lib/docker/volumes/${name}/_data`,
    CreatedAt: new Date(call.state.clock.nowMs()).toISOString(),
    Labels: body.Labels ?? null,
    Scope: 'local',
    Options: body.DriverOpts ?? null,
  }
  if (!call.state.volumes.has(name)) call.state.emit('volume', 'create', name, { driver: volume.Driver })
  call.state.volumes.set(name, volume)
  call.send(201, volume)
}

function need(call: FakeCall): VolumeInspect {
  const volume = call.state.volumes.get(call.params[0] ?? '')
  if (volume === undefined) throw new FakeError(404, `get ${call.params[0]}: no such volume`)
  return volume
}

function remove(call: FakeCall): void {
  if (isSet(call, 'force') && !call.state.volumes.has(call.params[0] ?? '')) {
    call.send(204)
    return
  }
  const volume = need(call)
  const users = usersOf(call, volume.Name)
  if (users.length > 0) {
    const ids = users.map((container) => container.id).join(', ')
    throw new FakeError(409, `remove ${volume.Name}: volume is in use - [${ids}]`)
  }
  call.state.volumes.delete(volume.Name)
  call.state.usedVolumes.delete(volume.Name)
  call.state.emit('volume', 'destroy', volume.Name, { driver: volume.Driver })
  call.send(204)
}

/** A volume that a container has had holds a file. */
function diskUsage(call: FakeCall): void {
  const rows = [...call.state.volumes.values()].map((volume) => ({
    ...volume,
    UsageData: { Size: call.state.usedVolumes.has(volume.Name) ? 1 : 0, RefCount: usersOf(call, volume.Name).length },
  }))
  call.send(200, { LayersSize: 0, Images: [], Containers: [], Volumes: rows, BuildCache: [] })
}

export const volumeRoutes: readonly FakeRoute[] = [
  ['GET', /^\/volumes$/, list],
  ['POST', /^\/volumes\/create$/, create],
  ['GET', /^\/volumes\/([^/]+)$/, (call) => call.send(200, need(call))],
  ['GET', /^\/system\/df$/, diskUsage],
  ['DELETE', /^\/volumes\/([^/]+)$/, remove],
]
