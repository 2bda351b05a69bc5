import type { CallOptions } from '../core/call.ts'
import { isFlotillaError } from '../core/errors.ts'
import { callForShape } from '../engine/api/call.ts'
import { nodeRows } from '../engine/api/shapes.ts'
import type { Engine } from '../engine/engine.ts'
import type { ObservedNode } from './plan/observed.ts'

interface ListedNode {
  readonly Name?: string
  readonly ID?: string
  readonly State?: string
  readonly Availability?: string
  readonly Role?: string
  readonly OSType?: string
  readonly Architecture?: string
  readonly Labels?: Readonly<Record<string, string>> | null
  readonly Containers?: { readonly Total?: number }
}

/** Kernels' names of processors → docker's. */
const architectures: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', armv7l: 'arm' }

/**
 * The nodes of a Flotilla endpoint, by name.
 *
 * @returns undefined when the endpoint is none
 */
export async function observeNodes(engine: Engine, o: CallOptions): Promise<readonly ObservedNode[] | undefined> {
  try {
    const request = { method: 'GET', path: '/flotilla/nodes', unversioned: true } as const
    const listed = await callForShape<readonly ListedNode[]>(engine, request, nodeRows, o)
    return listed
      .filter((node) => (node.Name ?? '') !== '')
      .map((node) => ({
        name: node.Name ?? '',
        id: node.ID ?? '',
        labels: node.Labels ?? {},
        role: node.Role ?? 'none',
        os: node.OSType ?? '',
        architecture: architectures[node.Architecture ?? ''] ?? node.Architecture ?? '',
        isHealthy: node.State === 'healthy',
        isActive: node.State === 'healthy' && (node.Availability ?? 'active') === 'active',
        ...(node.State === 'healthy' && node.Availability === 'pause' && { isCordoned: true }),
        containers: node.Containers?.Total ?? 0,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    if (isFlotillaError(error) && error.status === 404) return undefined
    throw error
  }
}
