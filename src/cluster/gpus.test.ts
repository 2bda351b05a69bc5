import { describe, expect, it } from 'vitest'
import { makeContainer, makeNode, makeRequest } from '../testing/cluster-builders.ts'
import { addGpus, findGpuShortage, noGpuUsage, noGpus, readGpuAsk, readNodeGpus, removeGpus } from './gpus.ts'
import type { GpuAsk } from './gpus.ts'
import { describeShortage, weighResources } from './strategies/resources.ts'

const gpu = { Driver: '', Capabilities: [['gpu']] }

function ask(over: Partial<GpuAsk>): GpuAsk {
  return { ...noGpus, ...over }
}

describe('what a create asks for', () => {
  it.each([
    ['--gpus all', [{ ...gpu, Count: -1 }], ask({ isAll: true })],
    ['--gpus 2', [{ ...gpu, Count: 2 }], ask({ count: 2 })],
    ['--gpus device=0,GPU-x', [{ ...gpu, DeviceIDs: ['0', 'GPU-x'] }], ask({ ids: ['0', 'GPU-x'] })],
    ['driver nvidia', [{ Driver: 'nvidia', Count: 1, Capabilities: [['utility']] }], ask({ count: 1 })],
    [
      'two requests',
      [
        { ...gpu, Count: 1 },
        { ...gpu, DeviceIDs: ['3'] },
      ],
      ask({ count: 1, ids: ['3'] }),
    ],
    ['CDI', [{ Driver: 'cdi', DeviceIDs: ['nvidia.com/gpu=1', 'other.com/dev=x'] }], ask({ ids: ['1'] })],
    ['CDI, all', [{ Driver: 'cdi', DeviceIDs: ['nvidia.com/gpu=all'] }], ask({ isAll: true })],
    ['another driver', [{ Driver: 'amd', Count: 2, Capabilities: [['gpu']] }], noGpus],
    ['no GPU', [{ Driver: '', Count: 2, Capabilities: [['tpu']] }], noGpus],
    ['nonsense', [null, 3, 'x', { Driver: 3, Count: 'x' }], noGpus],
  ])('%s', (_name, DeviceRequests, expected) => {
    expect(readGpuAsk({ DeviceRequests })).toEqual(expected)
  })
})

describe('what a node has', () => {
  function read(info: Record<string, unknown>, labels: Record<string, string> = {}): readonly string[] {
    return readNodeGpus(info, new Map(Object.entries(labels)))
  }

  it('is what its operator says, before what the engine found', () => {
    const found = { DiscoveredDevices: [{ Source: 'cdi', ID: 'nvidia.com/gpu=0' }], Runtimes: { nvidia: {} } }
    expect(read(found, { gpus: '2' })).toEqual(['0', '1'])
    expect(read(found, { gpu: 'GPU-a, GPU-b,GPU-a' })).toEqual(['GPU-a', 'GPU-b'])
    expect(read(found, { gpus: '0' })).toEqual([])
    expect(read(found, { gpus: 'a few' })).toEqual([])
    expect(read({}, { gpus: '99999999' })).toHaveLength(1024)
  })

  it('comes from generic resources, then from CDI, then from the runtime', () => {
    const GenericResources = [
      { NamedResourceSpec: { Kind: 'NVIDIA-GPU', Value: 'GPU-1' } },
      { DiscreteResourceSpec: { Kind: 'gpu', Value: 2 } },
      { DiscreteResourceSpec: { Kind: 'ssd', Value: 9 } },
    ]
    expect(read({ GenericResources })).toEqual(['GPU-1', '0', '1'])
    const devices = ['nvidia.com/gpu=0', 'nvidia.com/gpu=GPU-abc', 'nvidia.com/gpu=all', 'vendor.com/x=1']
    expect(read({ DiscoveredDevices: devices.map((ID) => ({ Source: 'cdi', ID })) })).toEqual(['0'])
    const uuids = ['nvidia.com/gpu=GPU-abc', 'nvidia.com/gpu=all']
    expect(read({ DiscoveredDevices: uuids.map((ID) => ({ Source: 'cdi', ID })) })).toEqual(['GPU-abc'])
    expect(read({ Runtimes: { runc: {}, 'nvidia-legacy': {} } })).toEqual(['0'])
    expect(read({ Runtimes: { runc: {} } })).toEqual([])
  })
})

describe('accounting', () => {
  const three = ['0', '1', '2']

  it('takes back exactly what it gave', () => {
    const asks = [ask({ count: 2 }), ask({ ids: ['1'] }), ask({ isAll: true }), noGpus]
    const all = asks.reduce(addGpus, noGpuUsage)
    expect(all).toEqual({ count: 3, ids: ['1'], takers: 1 })
    expect(asks.reduce(removeGpus, all)).toBe(noGpuUsage)
  })

  it.each([
    [ask({ count: 1 }), [], [], 'it has no GPU'],
    [ask({ count: 3 }), three, [], undefined],
    [ask({ count: 4 }), three, [], '4 GPUs are asked for, 3 of 3 are free'],
    [ask({ count: 2 }), three, [ask({ count: 2 })], '2 GPUs are asked for, 1 of 3 are free'],
    [ask({ isAll: true }), three, [], undefined],
    [ask({ isAll: true }), three, [ask({ count: 1 })], '3 GPUs are asked for, 2 of 3 are free'],
    [ask({ count: 1 }), three, [ask({ isAll: true })], '1 GPUs are asked for, 0 of 3 are free'],
    [ask({ ids: ['7'] }), three, [], 'it has no GPU 7'],
    [ask({ ids: ['1'] }), three, [ask({ ids: ['1'] })], 'GPU 1 is taken'],
    [ask({ ids: ['2'] }), three, [ask({ ids: ['1'] })], undefined],
    [noGpus, [], [ask({ isAll: true })], undefined],
  ])('%j of %j beside %j: %s', (wanted, gpus, others, expected) => {
    expect(findGpuShortage(wanted, gpus, others.reduce(addGpus, noGpuUsage))).toBe(expected)
  })

  it('is a resource like CPUs and memory', () => {
    const node = makeNode('a', { gpus: three, containers: [makeContainer('c', { gpus: ask({ count: 2 }) })] })
    expect(weighResources(makeRequest({ gpus: ask({ count: 1 }) }), node)).toBe(200)
    const tooMany = makeRequest({ gpus: ask({ count: 2 }) })
    expect(weighResources(tooMany, node)).toBeUndefined()
    expect(describeShortage(tooMany, node)).toBe('2 GPUs are asked for, 1 of 3 are free')
    expect(describeShortage(makeRequest({ nanoCpus: 5e9 }), node)).toBe('5 CPUs are asked for, 4 of 4 are free')
    expect(describeShortage(makeRequest({ memoryBytes: 2 ** 32 }), node)).toBe(
      '4GiB of memory are asked for, 2GiB of 2GiB are free',
    )
    expect(describeShortage(makeRequest(), node)).toBe('')
  })
})
