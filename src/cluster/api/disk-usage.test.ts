import { describe, expect, it } from 'vitest'
import { toUsage } from './disk-usage.ts'

const lists = {
  LayersSize: 100,
  Images: [
    { Id: 'i1', Containers: 2, Size: 60, SharedSize: 10 },
    { Id: 'i2', Containers: 0, Size: 40, SharedSize: 10 },
    { Id: 'i3', Containers: 0, Size: 40, SharedSize: -1 },
  ],
  Containers: [
    { Id: 'c1', State: 'running', SizeRw: 5 },
    { Id: 'c2', State: 'exited', SizeRw: 7 },
    { Id: 'c3', State: 'created' },
  ],
  Volumes: [
    { Name: 'v1', UsageData: { RefCount: 1, Size: 8 } },
    { Name: 'v2', UsageData: { RefCount: 0, Size: 4 } },
    { Name: 'v3', UsageData: { RefCount: -1, Size: -1 } },
  ],
  BuildCache: [
    { ID: 'b1', InUse: true, Shared: false, Size: 3 },
    { ID: 'b2', InUse: false, Shared: false, Size: 2 },
    { ID: 'b3', InUse: true, Shared: true, Size: 9 },
  ],
}

describe('disk use in the manner of API 1.52', () => {
  it('is summed up as clients did before', () => {
    expect(toUsage(lists, { types: [], isVerbose: false })).toEqual({
      ImageUsage: { ActiveCount: 1, TotalCount: 3, Reclaimable: 30, TotalSize: 100 },
      ContainerUsage: { ActiveCount: 1, TotalCount: 3, Reclaimable: 7, TotalSize: 12 },
      VolumeUsage: { ActiveCount: 1, TotalCount: 3, Reclaimable: 4, TotalSize: 12 },
      BuildCacheUsage: { ActiveCount: 2, TotalCount: 3, Reclaimable: 2, TotalSize: 5 },
    })
  })

  it('has only the kinds that were asked for, with the things themselves on demand', () => {
    expect(toUsage(lists, { types: ['volume'], isVerbose: true })).toEqual({
      VolumeUsage: { ActiveCount: 1, TotalCount: 3, Reclaimable: 4, TotalSize: 12, Items: lists.Volumes },
    })
    expect(toUsage({}, { types: ['image'], isVerbose: true })).toEqual({
      ImageUsage: { ActiveCount: 0, TotalCount: 0, Reclaimable: 0, TotalSize: 0, Items: [] },
    })
  })
})
