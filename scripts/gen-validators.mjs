// Compiles schemas/compose.mjs to a stand-alone validator: compiling at run time costs more than loading
// a small project does. Run after a change of the schema: node scripts/gen-validators.mjs
// With --check nothing is written; exit code 1 when the written file is not what the schema gives.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import standaloneModule from 'ajv/dist/standalone/index.js'
import { composeSchema } from '../schemas/compose.mjs'

const standalone = standaloneModule.default ?? standaloneModule
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const target = join(root, 'src/compose/load/schema.generated.js')

const ajv = new Ajv({
  allErrors: true,
  strict: false,
  // Own schema only; checking it against the meta-schema at every build would be the slowest step.
  validateSchema: false,
  code: { source: true, esm: true, lines: false },
})
const validate = ajv.compile(composeSchema)
const code = inlineRuntime(standalone(ajv, validate))
const header = `// Written by scripts/gen-validators.mjs from schemas/compose.mjs. Do not edit.\n`
const names = `export const fieldNames = ${JSON.stringify(listFieldNames(composeSchema))};`
const text = `${header}${code}\n${names}\n`

if (process.argv.includes('--check')) {
  const isSame = readFileSync(target, 'utf8') === text
  if (!isSame) console.error('src/compose/load/schema.generated.js is out of date: run node scripts/gen-validators.mjs')
  process.exitCode = isSame ? 0 : 1
} else {
  writeFileSync(target, text)
}

/**
 * The only piece of Ajv's run time the code refers to is deep equality, for lists of unique entries; ours
 * hold texts and numbers.
 *
 * @param {string} source
 */
function inlineRuntime(source) {
  const pattern = /require\("ajv\/dist\/runtime\/equal"\)\.default/g
  const inlined = source.replace(pattern, '((a, b) => a === b)')
  const left = /require\([^)]*\)/.exec(inlined)
  if (left !== null) throw new Error(`the generated validator needs ${left[0]}`)
  return inlined
}

/**
 * Path pattern → the field names allowed there, for hints.
 *
 * @param {any} schema
 * @param {string} path
 * @param {Record<string, string[]>} found
 * @returns {Record<string, string[]>}
 */
function listFieldNames(schema, path = '', found = {}) {
  if (schema.$ref !== undefined) {
    return listFieldNames(composeSchema.definitions[schema.$ref.split('/').pop()], path, found)
  }
  const below = (key) => (path === '' ? key : `${path}.${key}`)
  for (const branch of schema.oneOf ?? []) listFieldNames(branch, path, found)
  if (schema.items !== undefined) listFieldNames(schema.items, below('*'), found)
  for (const [pattern, value] of Object.entries(schema.patternProperties ?? {})) {
    if (pattern !== '^x-') listFieldNames(value, below('*'), found)
  }
  if (schema.properties !== undefined) {
    found[path] = Object.keys(schema.properties)
    for (const [key, value] of Object.entries(schema.properties)) listFieldNames(value, below(key), found)
  }
  return found
}
