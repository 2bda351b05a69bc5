import type { Readable } from 'node:stream'
import type { CallOptions } from '../../core/call.ts'

/** What is at a path, links followed. */
export interface Found {
  /** As programs of that end take it: never starts with a dash, `~` resolved. */
  readonly path: string
  /** Free of links, to tell whether two paths mean the same thing. */
  readonly realPath: string
  readonly kind: 'file' | 'folder' | 'other' | 'none'
  /** Permission bits. */
  readonly mode: number
  readonly sizeBytes: number
  /** Whole seconds since 1970. */
  readonly modifiedS: number
}

/** One thing below a folder. */
export interface ListedFile {
  readonly kind: 'file' | 'folder' | 'link'
  /** Permission bits. */
  readonly mode: number
  readonly sizeBytes: number
  /** Whole seconds since 1970. */
  readonly modifiedS: number
}

/** What is below a folder: path from its top, with slashes → what it is. */
export type Listing = ReadonlyMap<string, ListedFile>

/** A place that files are copied from and to: this computer, or a machine through its shell. */
export interface CopyEnd {
  /** For messages: empty for this computer, `NAME:` for a machine. */
  readonly prefix: string
  /** @param hasPatterns a path that is not there may be a pattern, which stands for all that it matches */
  look(path: string, hasPatterns: boolean, o: CallOptions): Promise<readonly Found[]>
  /** The bytes of a file. Fails, when it does, while it is read. */
  sendFile(path: string, o: CallOptions): Readable
  /**
   * A tar archive of what is in a folder, with names from its top.
   * @param only the names to take, folders with all that is in them; absent: everything
   */
  sendFolder(path: string, only: readonly string[] | undefined, o: CallOptions): Readable
  /**
   * Writes a file, over one that is there, whose mode stays.
   * @param modifiedS its new time; absent: now
   */
  receiveFile(
    path: string,
    file: { readonly mode: number; readonly modifiedS?: number },
    bytes: Readable,
    o: CallOptions,
  ): Promise<void>
  /**
   * Writes the entries of a tar archive into a folder, which is made when it is not there.
   * @param folder the mode of a new one, and whether those above it are made too
   */
  receiveFolder(
    path: string,
    folder: { readonly mode: number; readonly makesParents: boolean },
    archive: Readable,
    o: CallOptions,
  ): Promise<void>
  /** `undefined`: it cannot be told, for want of a program or because of a name that lists cannot hold. */
  list(path: string, o: CallOptions): Promise<Listing | undefined>
}
