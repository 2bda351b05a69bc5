/** The kinds of thing that can be swapped. */
export type PluginKind =
  | 'driver'
  | 'provisioner'
  | 'store'
  | 'filter'
  | 'strategy'
  | 'discovery'
  | 'leader'
  | 'transport'
  | 'command'

/** Finds implementations by kind and name and loads them on first use. */
export interface Registry {
  /** Names, sorted, aliases left out. */
  names(kind: PluginKind): readonly string[]
  /** Whether a built-in part is called so. */
  has(kind: PluginKind, name: string): boolean
  /**
   * Whether any part is called so: packages that the user's configuration names are loaded when no built-in one is.
   * @throws {plugin/invalid} {plugin/not-found} {plugin/duplicate} when they cannot be
   */
  find(kind: PluginKind, name: string): Promise<boolean>
  /**
   * @throws {plugin/not-found} with the nearest name as hint
   * @throws {plugin/invalid} when what was loaded does not have the shape of its kind
   */
  load<T>(kind: PluginKind, name: string): Promise<T>
}
