import { GoScalar } from '../model/go-scalar.ts'
import type { Written } from '../model/project.ts'

/**
 * What goes between the stages: plain data with the keys of the file. The loader owns its trees and
 * changes them in place, so that `Places` can know a map or list by identity.
 */
export type Tree = null | boolean | number | string | GoScalar | Tree[] | TreeMap

/** A map without prototype: any text is a key like any other. */
export interface TreeMap {
  [key: string]: Tree
}

/** Keys from the root; positions in lists are written as numbers. */
export type TreePath = readonly (string | number)[]

export function makeMap(): TreeMap {
  return Object.create(null) as TreeMap
}

export function isMap(value: Tree | undefined): value is TreeMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof GoScalar)
}

/** A map under `key`, or nothing when there is none or something else stands there. */
export function mapAt(tree: TreeMap, key: string): TreeMap | undefined {
  const value = tree[key]
  return isMap(value) ? value : undefined
}

/** A path as it stands in messages: `services.web.ports.0`. */
export function renderPath(path: TreePath): string {
  return path.join('.')
}

/** Equal content, whatever the order of keys. */
export function isSameTree(left: Tree | undefined, right: Tree | undefined): boolean {
  if (left === right) return true
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((entry, index) => isSameTree(entry, right[index]))
  }
  if (left instanceof GoScalar && right instanceof GoScalar) return left.text === right.text
  if (!isMap(left) || !isMap(right)) return false
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  return keys.every((key) => key in right && isSameTree(left[key], right[key]))
}

/** Maps, lists and scalars of a tree, itself included. */
export function countNodes(tree: Tree): number {
  if (!isMap(tree) && !Array.isArray(tree)) return 1
  let count = 1
  for (const entry of Array.isArray(tree) ? tree : Object.values(tree)) count += countNodes(entry)
  return count
}

/** A copy of plain data: what only Go has types for becomes the number or text it stands for. */
export function toPlainTree(tree: Tree, toPlain: (scalar: GoScalar) => GoScalar | number | string = plainOf): Written {
  if (tree instanceof GoScalar) return toPlain(tree)
  if (Array.isArray(tree)) return tree.map((entry) => toPlainTree(entry, toPlain))
  if (!isMap(tree)) return tree
  const made = makeMap()
  for (const key of Object.keys(tree)) made[key] = toPlainTree(tree[key] ?? null, toPlain)
  return made
}

function plainOf(scalar: GoScalar): number | string {
  return scalar.plain
}
