import { renderDurationMs } from '../../core/duration.ts'
import { formatRows } from '../../core/gotemplate/rows.ts'
import type { HostRow } from '../../machine/list.ts'
import { cleanCell } from '../../ui/table.ts'

const defaultFormat =
  'table {{ .Name }}\t{{ .Active }}\t{{ .DriverName}}\t{{ .State }}\t{{ .URL }}\t{{ .Swarm }}\t{{ .DockerVersion }}\t{{ .Error}}'

// docker/machine commands/ls.go
const headings = {
  Name: 'NAME',
  Active: 'ACTIVE',
  ActiveHost: 'ACTIVE_HOST',
  ActiveSwarm: 'ACTIVE_SWARM',
  DriverName: 'DRIVER',
  State: 'STATE',
  URL: 'URL',
  SwarmOptions: 'SWARM_OPTIONS',
  Swarm: 'SWARM',
  EngineOptions: 'ENGINE_OPTIONS',
  Error: 'ERRORS',
  DockerVersion: 'DOCKER',
  ResponseTime: 'RESPONSE',
}

/**
 * The text of `ls`: a table, or one line per machine from the user's template. Names of folders and words of engines may
 * come from anybody.
 */
export function renderRows(format: string, rows: readonly HostRow[], swarms: ReadonlyMap<string, string>): string {
  const data = rows.map((row) => ({
    Name: cleanCell(row.name),
    Active: showActive(row),
    ActiveHost: row.isActiveHost,
    ActiveSwarm: row.isActiveSwarm,
    DriverName: row.driverName,
    State: row.state,
    URL: cleanCell(row.url),
    SwarmOptions: row.host?.options.SwarmOptions ?? null,
    Swarm: swarms.get(row.name) ?? '',
    EngineOptions: row.host?.options.EngineOptions ?? null,
    Error: cleanCell(row.error),
    DockerVersion: cleanCell(row.version),
    ResponseTime: renderDurationMs(row.responseMs),
  }))
  const text = format === '' ? defaultFormat : format
  const { isTable, lines } = formatRows(text, headings, data, { functions: {}, typeName: 'commands.HostListItem' })
  return isTable ? alignTabs(lines) : lines.map((line) => `${line}\n`).join('')
}

function showActive(row: HostRow): string {
  if (row.host === undefined || row.driverName === 'not-found' || row.state === 'Timeout') return ''
  if (row.isActiveHost) return '*'
  return row.isActiveSwarm ? '* (swarm)' : '-'
}

const minWidth = 5
const padding = 3

/** Lines up cells at tabs as Go's tabwriter does with width 5 and padding 3: the last cell is not padded. */
export function alignTabs(lines: readonly string[]): string {
  const rows = lines.flatMap((line) => line.split('\n')).map((line) => line.split('\t'))
  const columns = Math.max(...rows.map((cells) => cells.length))
  const widths = Array.from({ length: columns }, (_, column) => {
    const lengths = rows
      .filter((cells) => column < cells.length - 1)
      .map((cells) => Array.from(cells[column] ?? '').length)
    return Math.max(minWidth, ...lengths.map((length) => length + padding))
  })
  const texts = rows.map((cells) =>
    cells
      .map((cell, column) =>
        column < cells.length - 1 ? cell + ' '.repeat((widths[column] ?? 0) - Array.from(cell).length) : cell,
      )
      .join(''),
  )
  return texts.map((text) => `${text}\n`).join('')
}
