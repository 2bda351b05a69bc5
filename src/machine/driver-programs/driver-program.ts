import type { Clock } from '../../core/clock.ts'
import type { FlagTable } from '../../core/flag.ts'
import type { DriverDescriptor } from '../driver.ts'

/** A driver that runs as a program of its own. */
export interface DriverProgram extends DriverDescriptor {
  /** Asks the program, once. */
  findFlags(): Promise<FlagTable>
  /** Ends its processes and waits for their end. */
  close(): Promise<void>
}

/** What a program gets that is asked outside of any machine. */
export interface ProgramContext {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
}
