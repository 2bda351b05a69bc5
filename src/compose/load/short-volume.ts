/** What the short form of a mount says. */
export interface ShortVolume {
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
  readonly isBind: boolean
  readonly nocopy: boolean
  readonly propagation?: string
  readonly selinux?: string
  /** One or two characters: nothing but a target. */
  readonly isTiny: boolean
}

const propagations = new Set(['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave'])

/**
 * `[SOURCE:]TARGET[:OPTIONS]`. Colons inside `${…}` do not split, nor does the one after a single letter
 * (a Windows drive).
 */
export function parseVolume(spec: string): ShortVolume | { readonly reason: string } {
  if (spec === '') return { reason: 'invalid empty volume spec' }
  if (spec.length <= 2) {
    return { source: '', target: spec, readOnly: false, isBind: false, nocopy: false, isTiny: true }
  }
  const sections = splitSections(spec)
  if (sections.includes('')) return { reason: `invalid spec: ${spec}: empty section between colons` }
  const [first = '', second, ...rest] = sections
  if (second === undefined) return finish('', first, [])
  if (rest.length > 1) return { reason: `invalid spec: ${spec}: too many colons` }
  return finish(first, second, rest[0]?.split(',') ?? [])
}

function splitSections(spec: string): readonly string[] {
  const sections: string[] = []
  let section = ''
  let braces = 0
  for (let at = 0; at < spec.length; at += 1) {
    const character = spec.charAt(at)
    if (character === '$' && spec[at + 1] === '{') braces += 1
    else if (character === '}' && braces > 0) braces -= 1
    else if (character === ':' && braces === 0 && !/^\p{L}$/u.test(section)) {
      sections.push(section)
      section = ''
      continue
    }
    section += character
  }
  sections.push(section)
  return sections
}

function finish(source: string, target: string, options: readonly string[]): ShortVolume {
  const propagation = options.findLast((option) => propagations.has(option))
  const selinux = options.findLast((option) => option === 'z' || option === 'Z')
  const access = options.findLast((option) => option === 'ro' || option === 'rw')
  return {
    source,
    target,
    readOnly: access === 'ro',
    isBind: isHostPath(source),
    nocopy: options.includes('nocopy'),
    ...(propagation === undefined ? {} : { propagation }),
    ...(selinux === undefined ? {} : { selinux }),
    isTiny: false,
  }
}

function isHostPath(source: string): boolean {
  return /^[./~]/.test(source) || source.startsWith('\\\\') || /^\p{L}:/u.test(source)
}
