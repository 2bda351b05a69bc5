// Writes THIRD_PARTY_NOTICES: name, version and licence text of every package that was bundled.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const licenceFile = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i

/**
 * @param {string} root
 * @param {Iterable<string>} moduleIds paths of the bundled modules
 */
export function writeNotices(root, moduleIds) {
  const folders = new Set([...moduleIds].map(packageFolder).filter((folder) => folder !== undefined))
  const notices = [...folders].map(describePackage).sort((a, b) => (a.title < b.title ? -1 : 1))
  const unlicensed = notices.filter((notice) => notice.licence === undefined)
  if (unlicensed.length > 0)
    throw new Error(`no licence found for ${unlicensed.map((notice) => notice.title).join(', ')}`)
  const rule = '-'.repeat(78)
  const parts = notices.map((notice) =>
    [rule, `${notice.title} (${notice.licence})`, '', notice.text.trim(), ''].join('\n'),
  )
  const head = 'Flotilla contains the following third-party packages, each under its own licence.\n'
  writeFileSync(join(root, 'THIRD_PARTY_NOTICES'), [head, ...parts].join('\n'))
  return notices.length
}

/** The folder of the package a module belongs to; undefined for our own. */
function packageFolder(moduleId) {
  const path = moduleId.replace(/^\0+/, '').replace(/\?.*$/, '')
  if (!path.includes('/node_modules/')) return undefined
  let folder = dirname(path)
  while (!isPackageRoot(folder)) {
    const parent = dirname(folder)
    if (parent === folder) return undefined
    folder = parent
  }
  return folder
}

function isPackageRoot(folder) {
  const manifest = join(folder, 'package.json')
  return existsSync(manifest) && typeof JSON.parse(readFileSync(manifest, 'utf8')).version === 'string'
}

function describePackage(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const files = readdirSync(folder)
    .filter((name) => licenceFile.test(name))
    .sort()
  const declared = manifest.license ?? manifest.licenses?.map((entry) => entry.type).join(' OR ')
  const author = typeof manifest.author === 'string' ? manifest.author : manifest.author?.name
  const text = files.map((name) => readFileSync(join(folder, name), 'utf8').trim()).join('\n\n')
  return {
    title: `${manifest.name} ${manifest.version}`,
    licence: typeof declared === 'string' ? declared : declared?.type,
    // Some packages only name their licence in the manifest.
    text: text === '' ? `Licence as declared in its manifest. Author: ${author ?? 'not named'}` : text,
  }
}
