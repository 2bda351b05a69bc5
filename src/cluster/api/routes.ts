import type { Handler } from './call.ts'
import { build, cancelBuild, grpc, session } from './handlers/build.ts'
import * as containers from './handlers/containers.ts'
import { commit } from './handlers/commit.ts'
import { create } from './handlers/create.ts'
import { debugIndex, debugProfile } from './handlers/debug.ts'
import { events } from './handlers/events.ts'
import { inspectExec, resizeExec, startExec } from './handlers/exec.ts'
import { explainCreate, explainQuery } from './handlers/explain.ts'
import { metrics } from './handlers/metrics.ts'
import * as images from './handlers/images.ts'
import * as lists from './handlers/lists.ts'
import { forwardedPorts } from './handlers/forwarded-ports.ts'
import { leader } from './handlers/leader.ts'
import * as managers from './handlers/managers.ts'
import * as networks from './handlers/networks.ts'
import * as nodes from './handlers/nodes.ts'
import { rebalance } from './handlers/rebalance.ts'
import { rename } from './handlers/rename.ts'
import { toManager } from './handlers/native-swarm.ts'
import * as plugins from './handlers/plugins.ts'
import { putArchive } from './handlers/put-archive.ts'
import { prune } from './handlers/prune.ts'
import { snapshot } from './handlers/snapshot.ts'
import * as system from './handlers/system.ts'
import { tenants } from './handlers/tenants.ts'
import { waiting } from './handlers/waiting.ts'
import * as volumes from './handlers/volumes.ts'
import { whoami } from './handlers/whoami.ts'
import type { Route } from './router.ts'

/** Everything the endpoint answers, as `METHOD pattern` → handler. */
const table: Readonly<Record<string, Handler>> = {
  'GET /_ping': system.ping,
  'HEAD /_ping': system.ping,
  'GET /version': system.version,
  'GET /info': system.info,
  'GET /events': events,
  'GET /system/df': system.diskUsage,
  'POST /auth': system.anyEngine,
  'GET /images/search': system.anyEngine,
  'GET /distribution/*/json': system.anyEngine,
  'GET /plugins': plugins.list,
  'GET /plugins/privileges': system.anyEngine,
  'GET /plugins/*/json': plugins.inspect,
  'POST /plugins/*': plugins.refuse,
  'DELETE /plugins/*': plugins.refuse,

  'GET /flotilla/whoami': whoami,
  'GET /flotilla/leader': leader,
  'GET /flotilla/managers': managers.list,
  'POST /flotilla/managers': managers.announce,
  'POST /flotilla/sightings': managers.sightings,
  'GET /debug/pprof': debugIndex,
  'GET /debug/pprof/': debugIndex,
  'GET /debug/pprof/profile': debugProfile('cpu'),
  'GET /debug/pprof/heap': debugProfile('heap'),
  'GET /flotilla/explain': explainQuery,
  'POST /flotilla/explain': explainCreate,
  'GET /flotilla/metrics': metrics,
  'GET /flotilla/snapshot': snapshot,

  'GET /containers/json': lists.containers,
  'GET /containers/ps': lists.containers,
  'POST /containers/create': create,
  'POST /containers/prune': prune('containers'),
  'GET /containers/*/json': containers.inspect,
  'GET /containers/*/logs': containers.logs,
  'GET /containers/*/stats': containers.stats,
  'GET /containers/*/top': containers.top,
  'GET /containers/*/changes': containers.changes,
  'GET /containers/*/export': containers.exportContainer,
  'GET /containers/*/archive': containers.archive,
  'HEAD /containers/*/archive': containers.archive,
  'PUT /containers/*/archive': putArchive,
  'POST /containers/*/copy': containers.copy,
  'GET /containers/*/attach/ws': containers.attachWs,
  'POST /containers/*/attach': containers.attach,
  'POST /containers/*/exec': containers.createExec,
  'POST /containers/*/kill': containers.kill,
  'POST /containers/*/pause': containers.pause,
  'POST /containers/*/rename': rename,
  'POST /containers/*/resize': containers.resize,
  'POST /containers/*/restart': containers.restart,
  'POST /containers/*/start': containers.start,
  'POST /containers/*/stop': containers.stop,
  'POST /containers/*/unpause': containers.unpause,
  'POST /containers/*/update': containers.update,
  'POST /containers/*/wait': containers.wait,
  'GET /containers/*/checkpoints': containers.checkpoints,
  'POST /containers/*/checkpoints': containers.checkpoints,
  'DELETE /containers/*': containers.remove,

  'GET /exec/*/json': inspectExec,
  'POST /exec/*/resize': resizeExec,
  'POST /exec/*/start': startExec,

  'POST /commit': commit,

  'GET /images/json': lists.images,
  'GET /images/get': images.saveMany,
  'GET /images/viz': images.viz,
  'GET /images/*/get': images.save,
  'GET /images/*/json': images.inspect,
  'GET /images/*/history': images.history,
  'GET /images/*/attestations': images.attestations,
  'POST /images/create': images.createImage,
  'POST /images/load': images.load,
  'POST /images/prune': prune('images'),
  'POST /images/*/push': images.push,
  'POST /images/*/tag': images.tag,
  'DELETE /images/*': images.remove,
  'POST /build': build,
  'POST /build/cancel': cancelBuild,
  'POST /build/prune': prune('build'),
  'POST /session': session,
  'POST /grpc': grpc,

  'GET /networks': lists.networks,
  'POST /networks/create': networks.create,
  'POST /networks/prune': prune('networks'),
  'GET /networks/*': networks.inspect,
  'POST /networks/*/connect': networks.connect,
  'POST /networks/*/disconnect': networks.disconnect,
  'DELETE /networks/*': networks.remove,

  'GET /volumes': lists.volumes,
  'POST /volumes/create': volumes.create,
  'POST /volumes/prune': prune('volumes'),
  'GET /volumes/*': volumes.inspect,
  'PUT /volumes/*': volumes.update,
  'DELETE /volumes/*': volumes.remove,

  'GET /flotilla/tenants': tenants,
  'GET /flotilla/waiting': waiting,
  'GET /flotilla/ports': forwardedPorts,
  'GET /flotilla/nodes': nodes.list,
  'GET /flotilla/nodes/*': nodes.inspect,
  'POST /flotilla/nodes/*/drain': nodes.drain,
  'POST /flotilla/nodes/*/undrain': nodes.undrain,
  'POST /flotilla/nodes/*/cordon': nodes.cordon,
  'POST /flotilla/nodes/*/labels': nodes.setLabels,
  'GET /flotilla/moves': nodes.moves,
  'POST /flotilla/rebalance': rebalance,
}

/** Native swarm mode beneath: answered by a manager of it, or as by an engine that is none. */
const swarmMode = ['configs', 'nodes', 'secrets', 'services', 'swarm', 'tasks'] as const

/** All routes. */
export function listRoutes(): readonly Route<Handler>[] {
  const routes: Route<Handler>[] = []
  for (const [line, handler] of Object.entries(table)) {
    const cut = line.indexOf(' ')
    routes.push({ method: line.slice(0, cut), pattern: line.slice(cut + 1), handler })
  }
  for (const kind of swarmMode) {
    for (const method of ['GET', 'POST', 'DELETE']) {
      routes.push({ method, pattern: `/${kind}`, handler: toManager })
      routes.push({ method, pattern: `/${kind}/*`, handler: toManager })
    }
  }
  return routes
}
