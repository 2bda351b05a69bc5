import { listOpenKeys } from '../../compose/load/interpolate-keys.ts'
import { listReferences } from '../../compose/load/substitute.ts'
import { isMap } from '../../compose/load/tree.ts'
import type { Tree } from '../../compose/load/tree.ts'
import { renderJson } from '../../compose/model/render/json.ts'
import type { Out } from '../../compose/model/render/out.ts'
import { renderYaml } from '../../compose/model/render/yaml.ts'
import { FlotillaError } from '../../core/errors.ts'
import { renderTable } from '../../ui/table.ts'

interface Variable {
  readonly name: string
  readonly defaultValue: string
  readonly presenceValue: string
  readonly isRequired: boolean
}

/** The variables that files refer to, sorted by name: a table, or JSON or YAML when asked for. */
export function renderVariables(tree: Tree, asked = ''): string {
  // The reference program knows only this name in small letters alone.
  const format = asked.toLowerCase() === 'yaml' ? asked : asked.toLowerCase()
  const found = collect([tree, ...listOpenKeys(tree)])
  const variables = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  if (format === 'json')
    return `${renderJson(describe(variables, ['Name', 'DefaultValue', 'PresenceValue', 'Required']), 4)}\n\n`
  if (format === 'yaml') {
    const names = ['name', 'defaultvalue', 'presencevalue', 'required']
    // The reference program indents this one output by four.
    return variables.length === 0 ? '{}\n' : renderYaml(describe(variables, names)).replace(/^ {2}/gm, '    ')
  }
  if (!['', 'table', 'pretty'].includes(format)) {
    throw new FlotillaError(
      'cli/invalid-value',
      `format value ${JSON.stringify(asked)} could not be parsed: parsing failed`,
    )
  }
  const rows = variables.map(({ name, isRequired, defaultValue, presenceValue }) => [
    name,
    String(isRequired),
    defaultValue,
    presenceValue,
  ])
  return `${renderTable(['NAME', 'REQUIRED', 'DEFAULT VALUE', 'ALTERNATE VALUE'], rows, { minWidth: 20 })}\n`
}

function describe(variables: readonly Variable[], names: readonly string[]): Out {
  const values = (variable: Variable): readonly Out[] => [
    variable.name,
    variable.defaultValue,
    variable.presenceValue,
    variable.isRequired,
  ]
  return new Map(
    variables.map((variable) => [
      variable.name,
      new Map(values(variable).map((value, index) => [names[index] ?? '', value] as const)),
    ]),
  )
}

/** A variable that occurs many times keeps the first default and alternative; one use that requires it is enough. */
function collect(tree: Tree, found: Map<string, Variable> = new Map()): Map<string, Variable> {
  if (typeof tree === 'string') {
    for (const { name, operator, body } of listReferences(tree)) {
      const known = found.get(name)
      found.set(name, {
        name,
        defaultValue: known?.defaultValue || (operator.endsWith('-') ? body : ''),
        presenceValue: known?.presenceValue || (operator.endsWith('+') ? body : ''),
        isRequired: known?.isRequired === true || operator.endsWith('?'),
      })
    }
  } else if (Array.isArray(tree)) for (const entry of tree) collect(entry, found)
  else if (isMap(tree)) for (const entry of Object.values(tree)) collect(entry, found)
  return found
}
