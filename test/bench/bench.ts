/**
 * One line of the table that `npm run bench` prints. Every file `test/bench/*.bench.ts` exports
 * `async function run(): Promise<readonly Row[]>` and takes seconds, not minutes.
 */
export interface Row {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** The yardstick measured in the same run, and value : yardstick. */
  readonly against?: { readonly name: string; readonly value: number; readonly ratio: number }
  /** What has to be reached, in words: `>= 50,000`. */
  readonly mark?: string
  /** What was answered wrong, lost, doubled or left over, in words: the benchmark has failed. Never a matter of time. */
  readonly wrong?: string
}

/** A row that counts what must not be. */
export function tellWrong(name: string, problems: readonly string[]): Row {
  const row = { name, value: problems.length, unit: '', mark: '0' }
  return problems.length === 0 ? row : { ...row, wrong: problems.slice(0, 5).join('; ') }
}

/** Middle of the values; of an even number the upper one of the two. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** @param share 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
