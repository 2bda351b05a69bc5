import process from 'node:process'
import { openTcpRelay } from '../../src/cluster/ports/tcp-relay.ts'

/** The relay of one forwarded port as a process of its own: `ports-process.mjs HOST PORT TARGET`. */
const [host = '', port = '0', target = ''] = process.argv.slice(2)
const only = { node: 'n', container: 'c', containerId: 'c', host: target, isDoubtful: false }
await openTcpRelay({ host, port: Number(port), nowMs: () => performance.now(), targets: () => [only] })
