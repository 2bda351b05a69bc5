import type { AccessRules, Tenant } from '../../access/model.ts'
import type { ClusterAccess } from '../../cluster.ts'
import type { NodeView } from '../../model.ts'
import { listAwayUse } from '../../tenants/away-use.ts'
import { makeHearing } from '../../tenants/hearing.ts'
import { Ledger } from '../../tenants/ledger.ts'
import type { Entry } from '../../tenants/ledger.ts'
import { makeLens } from '../../tenants/lens.ts'
import { narrowUsage } from '../../tenants/narrow-usage.ts'
import type { OwnThings } from '../../tenants/create-request.ts'
import { TENANT_LABEL } from '../../tenants/owner.ts'
import { takeOne } from '../../tenants/rates.ts'
import type { Rate, RateState } from '../../tenants/rates.ts'
import { TenantCluster } from '../../tenants/tenant-cluster.ts'
import { TenantView } from '../../tenants/tenant-view.ts'
import { isFields, readFields } from '../../wire.ts'
import { createNames, foldNames } from '../body-names.ts'
import { hasFormBody, readJsonBody } from '../call.ts'
import type { Api, Call, Handler, TenantReading, Tenants } from '../call.ts'
import type { Exchange } from '../http1/exchange.ts'
import { tenantSteps } from './calls.ts'
import { ruleOf } from './routes.ts'
import type { TenantRule } from './routes.ts'
import { forbid, invalid, replaceBody } from './tenant-call.ts'

/** What a tenant has under way, whatever the rules become. */
interface UnderWay {
  readonly ledger: Ledger
  readonly meter: TenantMeter
  readonly execs: Map<string, string>
}

/** What lasts from one call of a tenant to the next. */
interface TenantState extends UnderWay {
  readonly tenant: Tenant
  readonly view: TenantView
  readonly api: Api
  readonly own: OwnThings
}

/** Counted at this manager. */
interface TenantMeter {
  calls: RateState | undefined
  pulls: RateState | undefined
  streams: number
}

/**
 * Where calls of tenants are held to what is theirs: each goes through the rule of its route, and its handler gets a cluster
 * in which nothing else exists. Others' calls do not come here.
 */
export class TenantGate implements Tenants {
  readonly #rules: () => AccessRules
  readonly #states = new Map<string, TenantState>()
  /** Of all tenants there ever were. */
  readonly #underWay = new Map<string, UnderWay>()
  /** Names of networks and volumes that are being made, and whose they will be. */
  readonly #claims = new Map<string, { readonly tenant: string; count: number }>()
  #rulesSeen: AccessRules | undefined

  /** @param rules those in force; another object after they have changed */
  constructor(rules: () => AccessRules) {
    this.#rules = rules
  }

  /** @throws {cluster/forbidden} status 403 when no tenant may call the route, or the tenant is no more */
  serve(whole: Api, call: Call, line: string, handler: Handler): void | Promise<void> {
    const name = call.exchange.caller?.tenant ?? ''
    const state = this.#stateOf(whole, name)
    if (state === undefined) throw forbid(`there is no tenant ${JSON.stringify(name)}`)
    const { meter } = state
    const { quota } = state.tenant
    if (!this.#mayCall(state, whole, call.exchange)) return undefined
    const rule: TenantRule = ruleOf(line)
    if (rule === 'closed') throw forbid(`${call.exchange.head.method} ${call.path} is not open to tenants`)
    if (hasFormBody(call.exchange))
      throw invalid('the body must not be a form: engines would read it as a part of the query')
    // Written anew: engines of several ages read odd queries in several ways.
    const plain = call.query === '' ? call : { ...call, query: new URLSearchParams(call.query).toString() }
    const { exchange } = call
    return tenantSteps[rule]({
      tenant: state.tenant,
      api: state.api,
      whole,
      call: plain,
      own: state.own,
      ledger: state.ledger,
      claim: (kind, wanted) => this.#claim(kind, wanted, name),
      mayPull: () => {
        const most = quota.pullsPerMinute
        if (most === undefined) return true
        const verdict = takeOne({ most, periodMs: 60_000 }, meter.pulls, whole.cluster.clock.monotonicMs())
        meter.pulls = verdict.state
        return mayGoOn(exchange, verdict.waitMs, `tenant ${name} is over its quota of pulls per minute: limit ${most}`)
      },
      mayStream: () => {
        const most = quota.streams
        if (most !== undefined && meter.streams >= most) {
          const used = `${String(meter.streams)} in use, 1 more asked for, limit ${String(most)}`
          return mayGoOn(exchange, 1000, `tenant ${name} would go over its quota of streams: ${used}`)
        }
        meter.streams += 1
        exchange.onEnd(() => (meter.streams -= 1))
        return true
      },
      run: (changed = plain) => handler(state.api, changed),
    })
  }

  /**
   * A create by somebody who is no tenant: what the image says of an owner does not count, since its tenant wrote it.
   */
  async disown(call: Call): Promise<void> {
    if (this.#rules().tenants.size === 0) return
    const body = foldNames(await readJsonBody(call), createNames)
    const labels = readFields(body, 'Labels')
    if (Object.hasOwn(labels, TENANT_LABEL) || !isFields(body['Labels'] ?? {})) return
    replaceBody({ call }, { ...body, Labels: { ...labels, [TENANT_LABEL]: '' } })
  }

  clusterOf(whole: Api, tenant: string): ClusterAccess | undefined {
    return this.#stateOf(whole, tenant)?.api.cluster
  }

  list(whole: Api): readonly TenantReading[] {
    const readings: TenantReading[] = []
    for (const name of [...this.#rules().tenants.keys()].sort()) {
      const state = this.#stateOf(whole, name)
      if (state !== undefined)
        readings.push({ tenant: state.tenant, use: state.ledger.sum(), streams: state.meter.streams })
    }
    return readings
  }

  /** That of the rules in force; what is under way outlives a change of the rules. */
  #stateOf(whole: Api, name: string): TenantState | undefined {
    const rules = this.#rules()
    const tenant = rules.tenants.get(name)
    const known = this.#states.get(name)
    if (tenant === undefined) return undefined
    if (known !== undefined && rules === this.#rulesSeen) return known
    this.#rulesSeen = rules
    this.#refresh(whole, rules)
    return this.#states.get(name)
  }

  #refresh(whole: Api, rules: AccessRules): void {
    const names = [...rules.tenants.keys()]
    for (const tenant of rules.tenants.values()) {
      const state = this.#make(whole, tenant, names)
      this.#states.set(tenant.name, state)
      const { ledger, meter, execs } = state
      this.#underWay.set(tenant.name, { ledger, meter, execs })
    }
    for (const name of this.#states.keys()) if (!rules.tenants.has(name)) this.#states.delete(name)
  }

  #make(whole: Api, tenant: Tenant, names: readonly string[]): TenantState {
    const before = this.#underWay.get(tenant.name)
    const execs = before?.execs ?? new Map<string, string>()
    const view = new TenantView(
      makeLens(tenant, names),
      () => whole.cluster.snapshot(),
      (nodes) => ledger.see(nodes),
    )
    const nodes = (): readonly NodeView[] => this.#states.get(tenant.name)?.view.snapshot().nodes ?? []
    const away = (): ReturnType<typeof listAwayUse> => listAwayUse(tenant.name, whole.rescheduler.listAway())
    const ledger = before?.ledger ?? new Ledger(tenant.name, nodes, away, () => whole.cluster.clock.monotonicMs())
    const cluster = new TenantCluster(whole.cluster, view, ledger, () => tenant.quota)
    const api: Api = {
      ...whole,
      cluster,
      execs,
      makeHearing: () =>
        makeHearing({
          lens: view.lens,
          directory: () => view.directory,
          snapshot: () => view.snapshot(),
          isClaimed: (kind, wanted) => this.#claims.get(`${kind} ${wanted}`)?.tenant === tenant.name,
        }),
      narrowUsage(member, usage) {
        const node = view.snapshot().nodes.find((each) => each.addr === member.addr)
        return node === undefined ? {} : narrowUsage(usage, node)
      },
    }
    const own: OwnThings = {
      lens: view.lens,
      get directory() {
        return view.directory
      },
      isVolumeTaken(name) {
        const seen = new Set(view.directory.volumeHolders(name).map(({ node }) => node.addr))
        return whole.cluster.directory.volumeHolders(name).some(({ node }) => !seen.has(node.addr))
      },
    }
    const meter = before?.meter ?? { calls: undefined, pulls: undefined, streams: 0 }
    return { tenant, view, ledger, api, own, meter, execs }
  }

  #mayCall(state: TenantState, { cluster }: Api, exchange: Exchange): boolean {
    const { meter } = state
    const { name, quota } = state.tenant
    const most = quota.callsPerSecond
    if (most === undefined) return true
    const rate: Rate = { most, periodMs: 1000 }
    const verdict = takeOne(rate, meter.calls, cluster.clock.monotonicMs())
    meter.calls = verdict.state
    return mayGoOn(exchange, verdict.waitMs, `tenant ${name} is over its quota of calls per second: limit ${most}`)
  }

  #claim(kind: 'network' | 'volume', name: string, tenant: string): Entry | undefined {
    const key = `${kind} ${name}`
    const held = this.#claims.get(key) ?? { tenant, count: 0 }
    if (held.tenant !== tenant) return undefined
    held.count += 1
    this.#claims.set(key, held)
    return {
      end: () => {
        held.count -= 1
        if (held.count === 0) this.#claims.delete(key)
      },
    }
  }
}

/** Longest that a client is told to wait. */
const longestWaitMs = 3_600_000

/** Answers with 429 where there is a wait. @returns whether there is none */
function mayGoOn(exchange: Exchange, waitMs: number, why: string): boolean {
  if (waitMs === 0) return true
  const seconds = Math.ceil(Math.min(waitMs, longestWaitMs) / 1000)
  exchange.replyError(429, `${why}, try again in ${String(seconds)} s`, ['Retry-After', String(seconds)])
  return false
}
