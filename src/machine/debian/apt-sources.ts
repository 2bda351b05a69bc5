/** One archive that the machine's package manager is told to use. */
export interface AptSource {
  readonly uri: string
  readonly suites: readonly string[]
  readonly components: readonly string[]
}

/** Reads a file of the one-line form: `deb [options] URI SUITE COMPONENT...`. Unknown lines are left out. */
export function parseSourceList(text: string): readonly AptSource[] {
  return text.split('\n').flatMap((line) => {
    const words = line
      .replace(/#.*$/, '')
      .replace(/\[[^\]]*\]/, '')
      .trim()
      .split(/\s+/)
    const [kind, uri, suite, ...components] = words
    return kind === 'deb' && uri !== undefined && suite !== undefined ? [{ uri, suites: [suite], components }] : []
  })
}

/** Reads a file of the deb822 form: paragraphs of `Field: value`. Disabled and source-only ones are left out. */
export function parseSourceParagraphs(text: string): readonly AptSource[] {
  return text
    .replaceAll(/^#.*\n?/gm, '')
    .split(/\n\s*\n/)
    .flatMap((paragraph) => {
      const fields = new Map<string, readonly string[]>()
      for (const line of paragraph.replaceAll(/\n[ \t]+/g, ' ').split('\n')) {
        const match = /^([\w-]+):\s*(.*)$/.exec(line)
        if (match !== null) fields.set((match[1] ?? '').toLowerCase(), (match[2] ?? '').split(/\s+/).filter(Boolean))
      }
      const isUsed = fields.get('enabled')?.[0] !== 'no' && (fields.get('types') ?? []).includes('deb')
      const suites = fields.get('suites') ?? []
      const components = fields.get('components') ?? []
      return isUsed ? (fields.get('uris') ?? []).map((uri) => ({ uri, suites, components })) : []
    })
}

const debianSuites =
  /^(?:bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable)(?:-updates|-backports)?$/

/** The archive that carries Debian itself, which carries its other releases too; not the one of security updates. */
export function findDebianMirror(sources: readonly AptSource[]): string | undefined {
  return sources.find(
    (source) => source.components.includes('main') && source.suites.some((suite) => debianSuites.test(suite)),
  )?.uri
}
