/** What a Dockerfile is read with. */
export interface DockerfileReading {
  /** Values given to its arguments. */
  readonly args: Readonly<Record<string, string>>
  /** The stage that is wanted; absent: the last one. */
  readonly target?: string | undefined
}

/** The images that a Dockerfile names. */
export interface DockerfileImages {
  /** What stages begin with and files come from, in their order, each once. */
  readonly bases: readonly string[]
  /** What reads the file in place of the builder itself: `# syntax=…`. */
  readonly frontend?: string
}

interface Instruction {
  readonly name: string
  readonly rest: string
}

/** More images than this are not looked for. */
const mostImages = 64
const directivePattern = /^\s*#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S.*?)\s*$/
/** A word of its own: `<<` also stands in arithmetic, in quotes, and as part of `<<<`. */
const heredocPattern = /(?<!\S)\d*<<-?(["']?)([a-zA-Z_][a-zA-Z0-9_]*)\1(?!\S)/g
/** Longer values are no part of a name. */
const maxValueLength = 1024

/**
 * Finds the images that a build takes from outside, of what is written down in a Dockerfile: `FROM`, `--from` of `COPY` and
 * `ADD`, `from=` of mounts. What nobody can know before the build is left out: the builder will say what it lacks.
 * Linear in the length of the text.
 */
export function readDockerfileImages(text: string, { args, target }: DockerfileReading): DockerfileImages {
  const { directives, instructions } = parse(text)
  const found = new Set<string>()
  const stages = new Set<string>()
  const values = new Map<string, string>()
  let isInStage = false
  for (const { name, rest } of instructions) {
    if (name === 'ARG' && !isInStage) {
      for (const [key, value] of toArguments(rest, values)) values.set(key, args[key] ?? value)
    } else if (name === 'FROM') {
      if (target !== undefined && target !== '' && stages.has(target.toLowerCase())) break
      isInStage = true
      const [image = '', as = '', stage = ''] = toWords(rest).filter((word) => !word.startsWith('--'))
      take(found, stages, expand(image, values))
      if (as.toLowerCase() === 'as' && stage !== '') stages.add(stage.toLowerCase())
    } else if (isInStage && (name === 'COPY' || name === 'ADD' || name === 'RUN')) {
      for (const image of listSources(name, rest)) take(found, stages, image)
    }
  }
  const frontend = directives.get('syntax')
  return { bases: [...found], ...(frontend !== undefined && { frontend }) }
}

function take(found: Set<string>, stages: ReadonlySet<string>, image: string): void {
  // A number is the stage in that place.
  if (!isImageName(image) || image === 'scratch' || /^\d+$/.test(image) || stages.has(image.toLowerCase())) return
  if (found.size < mostImages) found.add(image)
}

/** Whether a text can be the reference of an image, and mean nothing else to whoever is asked for it. */
export function isImageName(text: string): boolean {
  return text.length <= 512 && /^[a-zA-Z0-9](?:[a-zA-Z0-9._:/@+-]*[a-zA-Z0-9])?$/.test(text)
}

/** Images in the flags of an instruction: flags come first. */
function listSources(name: string, rest: string): readonly string[] {
  const sources: string[] = []
  for (const word of toWords(rest)) {
    if (!word.startsWith('--')) break
    if (name !== 'RUN' && word.startsWith('--from=')) sources.push(unquote(word.slice('--from='.length)))
    if (name === 'RUN' && word.startsWith('--mount=')) {
      const from = word
        .slice('--mount='.length)
        .split(',')
        .find((part) => part.startsWith('from='))
      if (from !== undefined) sources.push(unquote(from.slice('from='.length)))
    }
  }
  return sources
}

function toWords(rest: string): readonly string[] {
  return rest.trim().split(/\s+/)
}

/** `A=1 B="x"`; one without value has none unless it is given. */
function toArguments(rest: string, values: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  return toWords(rest).map((word) => {
    const at = word.indexOf('=')
    return at < 0 ? [word, ''] : [word.slice(0, at), expand(word.slice(at + 1), values)]
  })
}

function unquote(text: string): string {
  return /^(["']).*\1$/.test(text) && text.length > 1 ? text.slice(1, -1) : text
}

/** `$NAME`, `${NAME}`, and with `-`, `:-`, `+`, `:+`; what else there is stays and makes no name of an image. */
function expand(text: string, values: ReadonlyMap<string, string>): string {
  if (text.length > maxValueLength) return ''
  const expanded = unquote(text).replace(
    /\$(?:([a-zA-Z_][a-zA-Z0-9_]*)|\{([a-zA-Z_][a-zA-Z0-9_]*)(?:(:?[-+])([^{}$]*))?\})/g,
    (_, plain: string | undefined, braced: string | undefined, operator = '', word = '') => {
      const value = values.get(plain ?? braced ?? '')
      const isThere = value !== undefined && (value !== '' || !String(operator).startsWith(':'))
      if (String(operator).endsWith('-')) return isThere ? value : String(word)
      if (String(operator).endsWith('+')) return isThere ? String(word) : ''
      return value ?? ''
    },
  )
  return expanded.length > maxValueLength ? '' : expanded
}

/** Lines joined where the escape character ends them; comments and the texts of here-documents left out. */
function parse(text: string): {
  readonly directives: ReadonlyMap<string, string>
  readonly instructions: readonly Instruction[]
} {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const directives = readDirectives(lines)
  const escape = directives.get('escape') === '`' ? '`' : '\\'
  const instructions: Instruction[] = []
  let parts: string[] = []
  let ends: string[] = []
  for (const line of lines) {
    if (ends.length > 0) {
      if (line.replace(/^\t+/, '') === ends[0]) ends = ends.slice(1)
      continue
    }
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const isOpen = trimmed.endsWith(escape)
    parts.push(isOpen ? trimmed.slice(0, -1) : trimmed)
    if (isOpen) continue
    const instruction = toInstruction(parts.join(' '))
    parts = []
    instructions.push(instruction)
    if (['RUN', 'COPY', 'ADD'].includes(instruction.name)) {
      ends = [...instruction.rest.matchAll(heredocPattern)].map((match) => match[2] ?? '')
    }
  }
  if (parts.length > 0) instructions.push(toInstruction(parts.join(' ')))
  return { directives, instructions }
}

function toInstruction(line: string): Instruction {
  const end = line.search(/\s/)
  if (end < 0) return { name: line.toUpperCase(), rest: '' }
  return { name: line.slice(0, end).toUpperCase(), rest: line.slice(end + 1) }
}

/** They stand before everything else. */
function readDirectives(lines: readonly string[]): ReadonlyMap<string, string> {
  const directives = new Map<string, string>()
  for (const line of lines) {
    const match = directivePattern.exec(line)
    if (match === null) break
    directives.set((match[1] ?? '').toLowerCase(), match[2] ?? '')
  }
  return directives
}
