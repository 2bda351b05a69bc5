// Runs one built benchmark file and prints its rows.
import process from 'node:process'
import { pathToFileURL } from 'node:url'

const { run } = await import(pathToFileURL(process.argv[2] ?? '').href)

/** @param {number} value */
function short(value) {
  if (!Number.isFinite(value)) return String(value)
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 3)
}

const all = await run()
const rows = all.map((row) => [
  row.name,
  `${short(row.value)} ${row.unit}`,
  row.against === undefined
    ? ''
    : `${row.against.ratio.toFixed(2)} × ${row.against.name} (${short(row.against.value)} ${row.unit})`,
  row.mark === undefined ? '' : `mark ${row.mark}`,
])
const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column].length), 0))
for (const row of rows)
  console.log(
    `  ${row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd()}`,
  )
const wrong = all.filter((row) => row.wrong !== undefined)
for (const row of wrong) console.log(`  WRONG: ${row.name}: ${row.wrong}`)
// A benchmark that leaves a handle open must not hang the table.
process.exit(wrong.length === 0 ? 0 : 1)
