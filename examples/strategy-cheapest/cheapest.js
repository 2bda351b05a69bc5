/**
 * The node with the lowest label `price`; 1 where there is none. Among equals the one with fewer containers.
 *
 * @type {import('flotilla/plugin').Strategy}
 */
export const cheapest = {
  name: 'cheapest',
  best: 'lowest',
  ties: 'fewer-containers',
  weigh(request, node) {
    if (!hasRoom(request, node)) return undefined
    const price = Number(node.labels.get('price') ?? '1')
    return Number.isFinite(price) ? price : 1
  },
}

/**
 * `weighResources` of `flotilla/cluster` says the same. Written out so that the package works with the single
 * executable too, beside which no library is installed.
 *
 * @param {import('flotilla/plugin').PlacementRequest} request
 * @param {import('flotilla/plugin').NodeView} node
 */
function hasRoom(request, { usage, totalCpus, totalMemoryBytes }) {
  const hasCpus = request.nanoCpus <= 0 || usage.nanoCpus + request.nanoCpus <= totalCpus * 1e9
  return hasCpus && (request.memoryBytes <= 0 || usage.memoryBytes + request.memoryBytes <= totalMemoryBytes)
}
