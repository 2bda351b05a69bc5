import { createHash } from 'node:crypto'

/** How many layers from the bottom an image has in common with the one of `others` that has most. */
export function countShared(layers: readonly string[], others: Iterable<readonly string[]>): number {
  let most = 0
  for (const other of others) {
    let count = 0
    while (count < layers.length && layers[count] === other[count]) count += 1
    most = Math.max(most, count)
  }
  return most
}

/**
 * Chain IDs of the layers, bottom first: what an engine files a layer under, which depends on all below it
 * (OCI image specification, config.md).
 */
export function listChainIds(layers: readonly string[]): readonly string[] {
  const chain: string[] = []
  for (const layer of layers) {
    const below = chain.at(-1)
    chain.push(below === undefined ? layer : `sha256:${sha256(`${below} ${layer}`)}`)
  }
  return chain
}

/**
 * The chain ID that stands behind a folder of a classic archive, or undefined when it is none of `chainIds`.
 *
 * The folder's name is the hash of its `json` with the layer's chain ID in it (moby image/v1/imagev1.go): that proves
 * which layer the folder holds before the manifest, the last entry, says so.
 */
export function findChainId(folder: string, json: string, chainIds: Iterable<string>): string | undefined {
  const fields = splitObject(json)
  if (fields === undefined) return undefined
  fields.delete('id')
  const parent = /^"([0-9a-f]{64})"$/.exec(fields.get('parent') ?? '')?.[1]
  if (parent !== undefined) fields.set('parent', `"sha256:${parent}"`)
  // Engines add the system after they have made the name, except for the topmost layer.
  const bare = new Map(fields)
  bare.delete('os')
  for (const chainId of chainIds) {
    for (const each of [fields, bare]) {
      if (sha256(renderSorted(new Map(each).set('layer_id', JSON.stringify(chainId)))) === folder) return chainId
    }
  }
  return undefined
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function renderSorted(fields: ReadonlyMap<string, string>): string {
  const keys = [...fields.keys()].sort()
  return `{${keys.map((key) => `${JSON.stringify(key)}:${fields.get(key) ?? ''}`).join(',')}}`
}

/** Keys of a JSON object in compact form with the exact text of their values. */
function splitObject(json: string): Map<string, string> | undefined {
  if (!json.startsWith('{') || !json.endsWith('}')) return undefined
  const fields = new Map<string, string>()
  let at = 1
  while (at < json.length - 1) {
    const key = /"((?:[^"\\]|\\.)*)":/y
    key.lastIndex = at
    const match = key.exec(json)
    if (match === null) return undefined
    const start = key.lastIndex
    const end = findValueEnd(json, start)
    fields.set(match[1] ?? '', json.slice(start, end))
    at = end + 1
  }
  return fields
}

/** Where the comma or brace after a value is. */
function findValueEnd(json: string, start: number): number {
  let depth = 0
  let isText = false
  for (let at = start; at < json.length; at += 1) {
    const character = json[at]
    if (isText) {
      if (character === '\\') at += 1
      else if (character === '"') isText = false
    } else if (character === '"') isText = true
    else if (character === '{' || character === '[') depth += 1
    else if (depth === 0 && (character === ',' || character === '}')) return at
    else if (character === '}' || character === ']') depth -= 1
  }
  return json.length
}
