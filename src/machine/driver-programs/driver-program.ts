import { basename } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import { FlotillaError, toMessage } from '../../core/errors.ts'
import type { FlagTable } from '../../core/flag.ts'
import { goQuote } from '../../core/goquote.ts'
import type { DriverDescriptor } from '../driver.ts'

/** A driver that runs as a program of its own. */
export interface DriverProgram extends DriverDescriptor {
  /** Asks the program, once. */
  findFlags(): Promise<FlagTable>
  /** Ends its processes and waits for their end. */
  close(): Promise<void>
}

/** Runs `body`; what it finds wrong is told with the name of the program that said it. */
export function namingProgram<T>(what: string, path: string, body: () => T): T {
  try {
    return body()
  } catch (error) {
    const name = basename(path).replace(/\.(?:exe|cmd)$/i, '')
    throw new FlotillaError('machine/driver', `${what} ${goQuote(name)}: ${toMessage(error)}`, { cause: error })
  }
}

/** What a program gets that is asked outside of any machine. */
export interface ProgramContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
}
