/**
 * `flotilla/cluster`: one Docker API endpoint over many engines, and its scheduler as a pure function.
 *
 * Discovery back ends and strategies are loaded by name: `makeRegistry(builtins).load('discovery', 'nodes')` of
 * `flotilla/plugin`. A filter or strategy of your own goes into `policy`.
 */
export { startEndpoint } from './endpoint.ts'
export type { EndpointOptions, RunningEndpoint } from './endpoint.ts'
export { parseListenAddress, renderListenAddress } from './api/listen.ts'
export type { ListenAddress, ListenTls } from './api/listen.ts'
export type { ApiSettings } from './api/call.ts'
export { defaultLimits } from './limits.ts'
export type { ManagerLimits } from './limits.ts'
export { openAudit } from './audit/open-audit.ts'
export type { OpenAuditOptions } from './audit/open-audit.ts'
export type { Audit } from './audit/audit.ts'

export { schedule } from './schedule.ts'
export { PlacementIndex } from './placement-index.ts'
export { explainPlacement } from './explain.ts'
export type { NodeVerdict, Verdict } from './explain.ts'
export { accepts, parseExpressions, renderExpression } from './expression.ts'
export type { CompileRegex } from './expression.ts'
export { loadRegex } from './regex.ts'
export type {
  Blocker,
  Expression,
  ExpressionList,
  NoPlacement,
  Placement,
  PlacementRequest,
  Policy,
} from './placement.ts'
export type {
  ClusterSnapshot,
  ContainerView,
  Health,
  ImageView,
  NetworkView,
  NodeUsage,
  NodeView,
  Pending,
  PortClaim,
  VolumeView,
  Workload,
} from './model.ts'

export { defaultFilters } from './filters/default-filters.ts'
export type { Filter, NodePart } from './filters/filter.ts'
export { weighResources } from './strategies/resources.ts'
export type { Strategy } from './strategies/strategy.ts'
export type { Discovery, DiscoveryContext, MakeDiscovery } from './discovery/discovery.ts'
export type { Leader, Lease } from './leader/leader.ts'
export type { WatchOptions } from './watch/messages.ts'

export { FlotillaError, isFlotillaError } from '../core/errors.ts'
export type { Clock, Random } from '../core/clock.ts'
export { silentLog } from '../core/log.ts'
export type { Log } from '../core/log.ts'
export { systemClock } from '../io/clock.ts'
export { systemRandom } from '../io/random.ts'
