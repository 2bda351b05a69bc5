import { ExactNumber } from '../../core/exact-json.ts'
import { isLikelySecretName, maskThoroughly } from '../../core/mask.ts'

/** Characters of one text, of a whole body and of a whole query that a line may have. */
const textLimit = 512
const bodyLimit = 8192
const queryLimit = 4096
const depthLimit = 32
/** What is masked of one text before it is cut: what stands behind is not shown. */
const maskedLength = 4096

/** Comes first when not all of a body has room: nobody hides these behind a heap of labels. */
const tellingNames: ReadonlySet<string> = new Set(
  (
    'image cmd entrypoint user hostconfig privileged binds mounts capadd devices securityopt pidmode networkmode ipcmode ' +
    'usernsmode cgroupparent sysctls volumesfrom tasktemplate containerspec name force apply driver options'
  )
    .toLowerCase()
    .split(' '),
)
/** Lists of the words of a command. */
const commands: ReadonlySet<string> = new Set(['cmd', 'entrypoint', 'command', 'args', 'test'])
/** Fields of the API that only sound like secrets. */
const harmless: ReadonlySet<string> = new Set(['SecretID', 'SecretName', 'DetachKeys'])
/** Lists of references, as services have them. */
const references: ReadonlySet<string> = new Set(['Secrets'])

interface Budget {
  left: number
  /** What `Data` holds are secrets, or configurations that may hold some. */
  readonly isDataSecret: boolean
}

/** A JSON body as it is written down: secrets masked, texts cut, no longer than some eight thousand characters. */
export function summarizeBody(value: unknown, path: string): unknown {
  const budget = { left: bodyLimit, isDataSecret: /^\/(?:secrets|configs)\b/.test(path) }
  return mask(value, '', budget, 0)
}

/** The parameters of a query, masked and cut; those given more than once as a list. */
export function summarizeQuery(query: string): Readonly<Record<string, unknown>> | undefined {
  if (query === '') return undefined
  const budget = { left: queryLimit, isDataSecret: false }
  const shown: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  const names = new Set(new URLSearchParams(query).keys())
  const params = new URLSearchParams(query)
  for (const name of names) {
    if (budget.left <= 0) {
      shown['…'] = 'cut'
      break
    }
    const key = cut(maskThoroughly(name), textLimit)
    budget.left -= key.length
    const values = params.getAll(name).map((value) => summarizeParameter(name, value, budget))
    shown[key] = values.length === 1 ? values[0] : values
  }
  return shown
}

function summarizeParameter(name: string, text: string, budget: Budget): unknown {
  // Values of build arguments are secrets more often than not.
  if (name === 'buildargs') return maskAllValues(text)
  const value = /^\s*[[{]/.test(text) ? parseOr(text) : text
  if (typeof value === 'string' && /^\s*ENV\s/im.test(value)) return mask(maskEnvLines(value), name, budget, 0)
  return mask(value, name, budget, 0)
}

/** `ENV A=b`, `ENV A b` of a commit's `changes`. */
function maskEnvLines(text: string): string {
  return text.replace(/^(\s*ENV\s+)([^\s=]+)(\s+|=)(.+)$/gim, (whole, start: string, name: string, between: string) =>
    isLikelySecretName(name) ? `${start}${name}${between}***` : whole,
  )
}

function maskAllValues(text: string): unknown {
  const value = parseOr(text)
  if (typeof value !== 'object' || value === null) return '***'
  return Object.fromEntries(
    Object.keys(value)
      .slice(0, 64)
      .map((key) => [cut(key, 128), '***']),
  )
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function mask(value: unknown, name: string, budget: Budget, depth: number): unknown {
  if (isSecretField(name, value, budget)) {
    budget.left -= 5
    return '***'
  }
  if (typeof value === 'string') return spend(maskText(value, commands.has(name.toLowerCase())), budget)
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) {
    budget.left -= 8
    return value
  }
  if (depth >= depthLimit) return '…'
  budget.left -= 2
  return Array.isArray(value) ? maskList(value, name, budget, depth) : maskObject(value, budget, depth)
}

function maskList(items: readonly unknown[], name: string, budget: Budget, depth: number): unknown {
  const shown: unknown[] = []
  // What follows an assignment in a command is told; a variable's value goes whole, blanks and all.
  const itemName = commands.has(name.toLowerCase()) ? name : ''
  let isNextSecret = false
  for (const item of items) {
    if (budget.left <= 0) {
      shown.push(`… ${items.length - shown.length} more`)
      break
    }
    const isText = typeof item === 'string'
    const isFlag = isText && /^--?[\w.-]{1,100}$/.test(item)
    if (isText && isNextSecret && !isFlag) shown.push(spend('***', budget))
    else shown.push(mask(item, itemName, budget, depth + 1))
    // `--password`, `hunter2`: two arguments of a command.
    isNextSecret = isFlag && isLikelySecretName(item)
  }
  return shown
}

function maskObject(value: object, budget: Budget, depth: number): unknown {
  const shown: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  const all = Object.keys(value)
  const telling = all.filter((name) => isTelling(name))
  const names = telling.length === 0 ? all : [...telling, ...all.filter((name) => !isTelling(name))]
  let count = 0
  for (const name of names) {
    if (budget.left <= 0) {
      shown['…'] = `${names.length - count} more`
      break
    }
    const key = spend(maskText(name), budget)
    shown[key] = mask(Reflect.get(value, name), name, budget, depth + 1)
    count += 1
  }
  return shown
}

function isTelling(name: string): boolean {
  return tellingNames.has(name.toLowerCase())
}

/** Numbers and switches tell nothing, empty texts and lists neither. */
function isSecretField(name: string, value: unknown, budget: Budget): boolean {
  const isPlain = typeof value !== 'string' && (typeof value !== 'object' || value === null)
  if (isPlain || value === '' || harmless.has(name)) return false
  if (budget.isDataSecret && name.toLowerCase() === 'data') return true
  if (typeof value === 'object' && references.has(name)) return false
  return isLikelySecretName(name)
}

const assignment = /^([\w.-]{1,200})=/

/** Without one of these no pattern fits: most texts are short words. */
const suspicious = /[=:-]/

function maskText(text: string, isCommand = false): string {
  if (!suspicious.test(text)) return text
  const name = isCommand ? undefined : assignment.exec(text)?.[1]
  if (name !== undefined && isLikelySecretName(name)) return `${name}=***`
  return maskThoroughly(cut(text, maskedLength))
}

function spend(text: string, budget: Budget): string {
  const shown = cut(text, Math.max(16, Math.min(textLimit, budget.left)))
  budget.left -= shown.length + 4
  return shown
}

/** A text that is cut says so. */
export function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`
}
