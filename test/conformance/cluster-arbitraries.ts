import * as fc from 'fast-check'
import type { ContainerView, NodeView, PortClaim } from '../../src/cluster/model.ts'
import type { PlacementRequest } from '../../src/cluster/placement.ts'
import { withContainers, withPending } from '../../src/cluster/usage.ts'
import {
  makeClaim,
  makeContainer,
  makeImage,
  makeNode,
  makePending,
  makeRequest,
} from '../../src/testing/cluster-builders.ts'

/** Small worlds in which clashes, ties and refusals are frequent. */

const cpuCounts = fc.constantFrom(0, 0, 1e9, 2e9, 5e8)
const memories = fc.constantFrom(0, 0, 2 ** 28, 2 ** 29, 2 ** 30)

const arbitraryClaim: fc.Arbitrary<PortClaim> = fc
  .record({
    port: fc.constantFrom(80, 81, 82),
    width: fc.constantFrom(0, 0, 0, 1),
    hostIp: fc.constantFrom('', '', '0.0.0.0', '10.0.0.1'),
    protocol: fc.constantFrom('tcp', 'udp'),
  })
  .map(({ port, width, hostIp, protocol }) => makeClaim(port, { to: port + width, hostIp, protocol }))

const arbitraryContainer: fc.Arbitrary<ContainerView> = fc
  .record({
    name: fc.constantFrom('c1', 'c2', 'db', 'web'),
    tier: fc.constantFrom('front', 'back', ''),
    ports: fc.array(arbitraryClaim, { maxLength: 1 }),
    isHostMode: fc.constantFrom(false, false, true),
    nanoCpus: cpuCounts,
    memoryBytes: memories,
  })
  .map(({ name, tier, ports, isHostMode, nanoCpus, memoryBytes }) =>
    makeContainer(name, {
      labels: new Map(tier === '' ? [] : [['tier', tier]]),
      ports: isHostMode ? [] : ports,
      networkMode: isHostMode ? 'host' : 'default',
      exposed: ['80/tcp'],
      nanoCpus,
      memoryBytes,
    }),
  )

const arbitraryHealth = fc.constantFrom(
  { state: 'healthy', failures: 0, indicator: 100 } as const,
  { state: 'healthy', failures: 0, indicator: 100 } as const,
  { state: 'healthy', failures: 1, indicator: 67 } as const,
  { state: 'unhealthy', failures: 3, indicator: 0 } as const,
)

const arbitraryLabels = fc
  .record({ storage: fc.constantFrom('', 'ssd', 'disk'), slots: fc.constantFrom('', '', '1', '3', 'x') })
  .map(({ storage, slots }) => {
    const labels = new Map<string, string>()
    if (storage !== '') labels.set('storage', storage)
    if (slots !== '') labels.set('containerslots', slots)
    return labels
  })

/** A node of this name with up to three containers. */
export function arbitraryNode(name: string): fc.Arbitrary<NodeView> {
  return fc
    .record({
      health: arbitraryHealth,
      labels: arbitraryLabels,
      containers: fc.array(arbitraryContainer, { maxLength: 3 }),
      hasImage: fc.boolean(),
      cpus: fc.constantFrom(1, 2, 4),
      memoryBytes: fc.constantFrom(2 ** 30, 2 ** 31),
    })
    .map(({ hasImage, ...rest }) => makeNode(name, { ...rest, images: hasImage ? [makeImage('busybox:1')] : [] }))
}

/** Between zero and five nodes, `node-0` and so on. */
export const arbitraryNodes: fc.Arbitrary<readonly NodeView[]> = fc
  .tuple(...[0, 1, 2, 3, 4].map((index) => fc.option(arbitraryNode(`node-${String(index)}`), { nil: undefined })))
  .map((nodes) => nodes.filter((node) => node !== undefined))

const arbitraryConstraint = fc.constantFrom(
  'storage==ssd',
  'storage!=ssd',
  'storage==~ssd',
  'storage!=~*s*',
  'node==node-1',
  'node!=node-0',
  'node==~node-2',
  'missing==*',
)
const arbitraryAffinity = fc.constantFrom(
  'container==c1',
  'container!=c*',
  'container==~db',
  'image==busybox',
  'image!=~busybox',
  'tier==front',
  'tier!=front',
  'tier==~back',
)
const arbitraryWhitelist = fc.constantFrom('node==node-0|node-1', 'node==~node-3', 'node!=node-2')

/** A request that asks for something of every kind now and then. */
export const arbitraryRequest: fc.Arbitrary<PlacementRequest> = fc
  .record({
    nanoCpus: cpuCounts,
    memoryBytes: memories,
    ports: fc.array(arbitraryClaim, { maxLength: 1 }),
    isHostMode: fc.constantFrom(false, false, false, true),
    volumesFrom: fc.constantFrom([], [], [], ['db:ro']),
    constraints: fc.array(arbitraryConstraint, { maxLength: 2 }),
    affinities: fc.array(arbitraryAffinity, { maxLength: 1 }),
    whitelists: fc.array(arbitraryWhitelist, { maxLength: 1 }),
  })
  .map(({ isHostMode, ports, ...rest }) =>
    makeRequest({
      ...rest,
      ports: isHostMode ? [] : ports,
      networkMode: isHostMode ? 'host' : 'default',
      exposed: isHostMode ? ['80/tcp'] : [],
    }),
  )

/** One change of a node, of any of its parts. */
export const mutateNode: fc.Arbitrary<(node: NodeView) => NodeView> = fc.oneof(
  arbitraryHealth.map((health) => (node: NodeView) => ({ ...node, health })),
  arbitraryLabels.map((labels) => (node: NodeView) => ({ ...node, labels })),
  arbitraryContainer.map((container) => (node: NodeView) => withContainers(node, [...node.containers, container])),
  fc.constant((node: NodeView) => withContainers(node, node.containers.slice(1))),
  fc.constant((node: NodeView) => ({ ...node, images: [makeImage('busybox:2')] })),
  fc.tuple(arbitraryRequest, fc.nat()).map(
    ([request, id]) =>
      (node: NodeView) =>
        withPending(node, makePending(request, node.id, `p${String(id)}`)),
  ),
)
