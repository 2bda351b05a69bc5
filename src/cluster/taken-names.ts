import type { Directory } from './directory.ts'

/** A name that is in use; answered with status 409. */
export interface NameTaken {
  readonly kind: 'name-taken'
  /** The ancestor's text, word for word. */
  readonly text: string
}

/** Knows names that stand for containers which no engine shows at present. */
export interface NameKeeper {
  /** Until all are known; undefined when they are. */
  ready(): Promise<void> | undefined
  /** @param exceptIds containers that may have the name */
  keeps(name: string, exceptIds: readonly string[]): boolean
}

/** Which names of containers nobody else may get: those in use, those promised, and those kept for what is away. */
export class TakenNames {
  /** Whom to ask for names besides the directory. */
  keeper: NameKeeper | undefined
  private readonly directory: Directory
  private readonly held = new Map<string, number>()

  constructor(directory: Directory) {
    this.directory = directory
  }

  /** @param exceptIds containers that may have the name */
  find(name: string, exceptIds: readonly string[]): NameTaken | undefined {
    const bare = name.startsWith('/') ? name.slice(1) : name
    const isTaken =
      this.held.has(bare) ||
      this.directory.containersNamed(bare).some(({ item }) => !exceptIds.includes(item.id)) ||
      this.keeper?.keeps(bare, exceptIds) === true
    return isTaken ? describe(bare) : undefined
  }

  /** Nobody else gets the name until it has been given back as often as it was taken. */
  hold(name: string): void {
    this.held.set(name, (this.held.get(name) ?? 0) + 1)
  }

  release(name: string): void {
    const held = (this.held.get(name) ?? 0) - 1
    if (held > 0) this.held.set(name, held)
    else this.held.delete(name)
  }
}

function describe(bare: string): NameTaken {
  const rest = `You have to delete (or rename) that container to be able to assign ${bare} to a container again.`
  return { kind: 'name-taken', text: `Conflict: The name ${bare} is already assigned. ${rest}` }
}
