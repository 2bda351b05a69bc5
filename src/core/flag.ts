/**
 * One command-line flag. Lives in the language layer because drivers (L2) declare flags that the
 * command framework (L3) parses. The long name is the key of the table that holds the flag.
 */
export interface FlagSpec {
  /**
   * - `boolean`: `--x`, `--x=false`
   * - `string`, `integer`, `number`: one value; the last one given wins
   * - `strings`: may be given many times, in order
   */
  readonly kind: 'boolean' | 'string' | 'integer' | 'number' | 'strings'
  /** One line for the help text. */
  readonly brief: string
  /** One letter, without the dash. */
  readonly short?: string
  /** Other long names, without dashes. */
  readonly aliases?: readonly string[]
  /** Environment variables read when the flag is not given; the first one set and not empty wins. */
  readonly env?: readonly string[]
  /** A `boolean` flag whose variable others use too: a word in it that is neither true nor false counts as not set. */
  readonly sharesEnv?: boolean
  readonly default?: boolean | string | number | readonly string[]
  /** Shown after the name in help, for instance `duration` or `list`. */
  readonly placeholder?: string
  readonly choices?: readonly string[]
  readonly hidden?: boolean
  /** Whole line printed on stderr when the flag is used. */
  readonly deprecated?: string
  /** What is said when the value is missing, where an ancestor had words of its own; `%s` is the flag as typed. */
  readonly missingValue?: string
  /** A `string` flag that may stand without a value and then reads as this (pflag's NoOptDefVal). */
  readonly bare?: string
  /**
   * The value is a credential: it is masked wherever an error would show it. Absent: so are flags whose
   * name speaks of a token, password or secret.
   */
  readonly isSecret?: boolean
  /** What completion offers for the value besides `choices`; files when neither is given. */
  readonly complete?: CompletionKind
}

/**
 * What completion offers: a fixed list, or
 *
 * - `machine`, `driver`, `shell`, `project`, `profile`: their names
 * - `service`: names of services; `running-service`, `paused-service`, `stopped-service`: of those with such a container
 * - `scale`: `SERVICE=`; `copy`: `SERVICE:` and files
 * - `file`, `yaml-file`, `folder`: what lies there
 * - `none`: nothing
 */
export type CompletionKind =
  | 'machine'
  | 'driver'
  | 'shell'
  | 'project'
  | 'profile'
  | 'service'
  | 'running-service'
  | 'paused-service'
  | 'stopped-service'
  | 'scale'
  | 'copy'
  | 'file'
  | 'yaml-file'
  | 'folder'
  | 'none'
  | readonly string[]

/** Long flag name → flag. */
export type FlagTable = Readonly<Record<string, FlagSpec>>

/** Any value a flag can have. */
export type FlagValue = boolean | string | number | readonly string[] | undefined

// A table whose kinds are not known to the type checker holds values of any kind.
type ValueOf<S extends FlagSpec> = FlagSpec['kind'] extends S['kind']
  ? FlagValue
  : S['kind'] extends 'boolean'
    ? boolean
    : S['kind'] extends 'strings'
      ? readonly string[]
      : S['kind'] extends 'integer' | 'number'
        ? S extends { readonly default: number }
          ? number
          : number | undefined
        : S extends { readonly default: string }
          ? string
          : string | undefined

/**
 * Parsed values by long name. A boolean without default is `false`, `strings` without default is empty,
 * anything else without default and not given is `undefined`.
 */
export type FlagValues<F extends FlagTable> = { readonly [K in keyof F]: ValueOf<F[K]> } & {
  /** True when the user gave the flag (or its environment variable), not when the default applies. */
  readonly given: (name: keyof F & string) => boolean
}
