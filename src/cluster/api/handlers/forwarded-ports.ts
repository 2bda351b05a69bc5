import type { Handler } from '../call.ts'

/** The ports of containers that this manager answers at, those that it cannot, and why. */
export const forwardedPorts: Handler = (api, call) => {
  const { ports } = api
  const byPort = (a: { Port: number; Protocol: string }, b: { Port: number; Protocol: string }): number =>
    a.Port - b.Port || (a.Protocol < b.Protocol ? -1 : 1)
  call.exchange.replyJson(200, {
    Forwarding: ports !== undefined,
    Addresses: ports?.hosts ?? [],
    Ports: (ports?.list() ?? [])
      .map(({ forward, openCount, problem }) => ({
        Port: forward.port,
        Protocol: forward.protocol,
        Connections: openCount,
        Error: problem,
        Targets: forward.targets.map(({ node, container, containerId, host }) => ({
          Node: node,
          Name: container,
          Id: containerId,
          Address: host,
        })),
      }))
      .sort(byPort),
    NotForwarded: (ports?.unforwarded ?? [])
      .map(({ port, protocol, node, container, why }) => ({
        Port: port,
        Protocol: protocol,
        Node: node,
        Name: container,
        Why: why,
      }))
      .sort(byPort),
  })
}
