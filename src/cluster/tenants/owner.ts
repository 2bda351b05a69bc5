/** Says whose a container, network, volume or image is. Written by the endpoint; what a tenant writes there does not count. */
export const TENANT_LABEL = 'com.flotilla.tenant'

/** The tenant that something with these labels belongs to; empty: none, which admins alone see. */
export function ownerOf(labels: ReadonlyMap<string, string>): string {
  return labels.get(TENANT_LABEL) ?? ''
}
