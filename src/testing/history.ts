/** What clients asked for and were told, to be held against what the engines really have afterwards. */

export type OperationKind = 'create' | 'remove'

/** `unknown`: no answer arrived, so that it may or may not have come about. */
export type Outcome = 'ok' | 'failed' | 'unknown'

export interface Operation {
  readonly kind: OperationKind
  /** The container's name; of an operation by ID the name it was created with. */
  readonly name: string
  /** The ID that a create was told. */
  readonly id: string
  readonly outcome: Outcome
  readonly startMs: number
  readonly endMs: number
}

/** A container as an engine itself tells of it. */
export interface RealContainer {
  readonly engine: string
  readonly id: string
  readonly name: string
}

/** Records operations of any number of clients at once. */
export class History {
  readonly operations: Operation[] = []
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Runs one operation. `call` resolves to the ID told, undefined where it was refused; it throws when no answer came. */
  async record(
    kind: OperationKind,
    name: string,
    call: () => Promise<string | undefined>,
  ): Promise<string | undefined> {
    const startMs = this.#now()
    let id: string | undefined
    let outcome: Outcome = 'unknown'
    try {
      id = await call()
      outcome = id === undefined ? 'failed' : 'ok'
      return id
    } finally {
      this.operations.push({ kind, name, id: id ?? '', outcome, startMs, endMs: this.#now() })
    }
  }

  /** How many operations of a kind ended so. */
  count(kind: OperationKind, outcome: Outcome): number {
    return this.operations.filter((each) => each.kind === kind && each.outcome === outcome).length
  }
}

/**
 * Holds a history against the truth: whatever was acknowledged is there unless its removal may have happened; nothing
 * is there that nobody asked for or that was acknowledged as removed; no ID and no name twice; and one create made at
 * most one container (reliability.md I1 to I3).
 *
 * @param untouched names that were there before and are none of the history's business
 * @returns one line per violation, empty when all is well
 */
export function checkHistory(
  operations: readonly Operation[],
  real: readonly RealContainer[],
  untouched: ReadonlySet<string> = new Set(),
): readonly string[] {
  const problems: string[] = []
  const byName = groupByName(real, problems)
  const asked = new Map<string, Operation[]>()
  for (const each of operations) {
    const list = asked.get(each.name)
    if (list === undefined) asked.set(each.name, [each])
    else list.push(each)
  }
  for (const [name, list] of asked) problems.push(...checkName(name, list, byName.get(name) ?? []))
  for (const [name, found] of byName) {
    if (asked.has(name) || untouched.has(name)) continue
    problems.push(`${name} on ${listEngines(found)} was asked for by nobody`)
  }
  return problems
}

function groupByName(real: readonly RealContainer[], problems: string[]): Map<string, RealContainer[]> {
  const byName = new Map<string, RealContainer[]>()
  const byId = new Map<string, RealContainer>()
  for (const each of real) {
    const twin = byId.get(each.id)
    if (twin !== undefined) problems.push(`ID ${each.id} is on ${twin.engine} and ${each.engine}`)
    byId.set(each.id, each)
    const list = byName.get(each.name)
    if (list === undefined) byName.set(each.name, [each])
    else list.push(each)
  }
  return byName
}

/** One name at a time: a create that came after an acknowledged removal is a new container of that name. */
function checkName(name: string, operations: readonly Operation[], found: readonly RealContainer[]): readonly string[] {
  const problems: string[] = []
  if (found.length > 1) problems.push(`${name} is there ${found.length} times, on ${listEngines(found)}`)
  const creates = operations.filter((each) => each.kind === 'create' && each.outcome === 'ok')
  const removes = operations.filter((each) => each.kind === 'remove' && each.outcome !== 'failed')
  const isUnsure = [...operations].some((each) => each.outcome === 'unknown')
  if (creates.length > removes.length && found.length === 0) problems.push(`${name} was acknowledged and is lost`)
  if (!isUnsure && creates.length === removes.length && found.length > 0) {
    problems.push(`${name} on ${listEngines(found)} should not be there`)
  }
  if (creates.length > removes.length + 1) problems.push(`${name} was acknowledged ${creates.length} times`)
  const told = new Set(creates.map((each) => each.id))
  for (const each of found) {
    if (!isUnsure && told.size > 0 && !told.has(each.id)) problems.push(`${name} has another ID than clients were told`)
  }
  return problems
}

function listEngines(found: readonly RealContainer[]): string {
  return found.map((each) => each.engine).join(' and ')
}
