import { basename } from 'node:path'
import { FlotillaError } from '../../core/errors.ts'
import { goQuote } from '../../core/goquote.ts'
import { findExecutable } from '../../io/find-executable.ts'
import type { DriverProgram, ProgramContext } from './driver-program.ts'
import { goDriverProgram } from './go-driver.ts'
import { lineDriverProgram } from './line-driver.ts'

/** Drivers that are programs on the PATH. */
export interface DriverPrograms {
  /** The driver of this name, the same one each time; undefined when there is no such program. */
  find(name: string): Promise<DriverProgram | undefined>
  /** Ends all that were started. */
  close(): Promise<void>
}

/** Beginning of a program's name → what it speaks; the first one found wins. */
const forms = [
  ['flotilla-driver-', lineDriverProgram],
  ['docker-machine-driver-', goDriverProgram],
] as const

export function findDriverPrograms(ctx: ProgramContext): DriverPrograms {
  const found = new Map<string, DriverProgram>()
  return {
    async find(name) {
      const known = found.get(name)
      // The name becomes a file's; a path is not one.
      if (known !== undefined || !/^[\w][\w.-]*$/.test(name)) return known
      for (const [prefix, make] of forms) {
        const path = await findExecutable(`${prefix}${name}`, ctx.env)
        if (path === undefined) continue
        const program = found.get(name) ?? make(name, path, ctx)
        found.set(name, program)
        return program
      }
      return undefined
    },
    async close() {
      await Promise.all([...found.values()].map((program) => program.close()))
    },
  }
}

/**
 * Opens one driver program by its path, for tests of one. Its flags are asked for at once; `close` ends it.
 *
 * @throws {machine/driver} when it is called neither `flotilla-driver-NAME` nor `docker-machine-driver-NAME`, or fails
 */
export async function openDriverProgram(path: string, ctx: ProgramContext): Promise<DriverProgram> {
  const file = basename(path).replace(/\.(?:exe|cmd)$/i, '')
  const form = forms.find(([prefix]) => file.startsWith(prefix))
  if (form === undefined) {
    const hint = `a driver program is called ${forms.map(([prefix]) => `${prefix}NAME`).join(' or ')}`
    throw new FlotillaError('machine/driver', `${goQuote(file)} is not the name of a driver program`, { hint })
  }
  const [prefix, make] = form
  const program = make(file.slice(prefix.length), path, ctx)
  try {
    return { ...program, flags: await program.findFlags() }
  } catch (error) {
    await program.close()
    throw error
  }
}
