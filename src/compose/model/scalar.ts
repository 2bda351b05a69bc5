import type { GoScalar } from './go-scalar.ts'

/**
 * The units of bare numbers in the model. The field names are the file's own (`interval`, `mem_limit`),
 * so the unit stands in the type.
 */

/** Bytes, a whole number; -1 means no limit where the engine knows one (`memswap_limit`). */
export type Bytes = number

/** Nanoseconds, a whole number: what the Engine API takes. */
export type Nanoseconds = number

/** Cores, a fraction allowed. Held as the nearest float32, as the reference program does. */
export type Cores = number

/** Permission bits, for instance 0o440. */
export type FileMode = number

/** Free-form content of `x-` keys: plain data, maps without prototype. */
export type Plain = null | boolean | number | string | GoScalar | readonly Plain[] | { readonly [name: string]: Plain }

/** Every object of the file may carry keys that start with `x-`; they are kept where they stood. */
export interface Extensible {
  readonly [extension: `x-${string}`]: Plain
}
