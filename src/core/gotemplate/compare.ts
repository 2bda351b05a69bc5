import { ExactNumber } from '../exact-json.ts'
import { CallProblem } from './problem.ts'
import { compareStrings } from './value.ts'

type Basic = string | number | bigint | boolean | undefined

function toBasic(value: unknown): Basic {
  if (value === null || value === undefined) return undefined
  if (value instanceof ExactNumber) return Number(value.text)
  if (typeof value === 'object' || typeof value === 'function') throw new CallProblem('invalid type for comparison')
  return value as Basic
}

function kindOf(value: Basic): string {
  return typeof value === 'bigint' ? 'number' : typeof value
}

/** Go's `eq`: the first equals any of the others. */
export function isEqualToAny(first: unknown, others: readonly unknown[]): boolean {
  if (others.length === 0) throw new CallProblem('missing argument for comparison')
  const left = toBasic(first)
  return others.some((other) => {
    const right = toBasic(other)
    if (left === undefined || right === undefined) return left === right
    if (kindOf(left) !== kindOf(right)) throw new CallProblem('incompatible types for comparison')
    // A number may be a bigint on one side only.
    // oxlint-disable-next-line eqeqeq
    return left == right
  })
}

/** Negative, zero or positive. */
export function compareBasic(first: unknown, second: unknown): number {
  const left = toBasic(first)
  const right = toBasic(second)
  if (kindOf(left) !== kindOf(right)) throw new CallProblem('incompatible types for comparison')
  if (typeof left === 'string') return compareStrings(left, right as string)
  if (typeof left !== 'number' && typeof left !== 'bigint') throw new CallProblem('invalid type for comparison')
  const other = right as number | bigint
  return left < other ? -1 : left > other ? 1 : 0
}
