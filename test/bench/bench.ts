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
}
