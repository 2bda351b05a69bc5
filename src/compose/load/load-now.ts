import type { Project } from '../model/project.ts'
import { loadProject } from './load.ts'
import type { LoadOptions, Sources } from './options.ts'
import { readEventsLaxly } from './yaml-lax.ts'

/**
 * Loads a project from the text of its files, with both YAML readers at hand: for callers that cannot wait for the second.
 *
 * @throws {compose/invalid} with all problems of the stage that failed, each with file, line and column;
 *   {compose/interpolation}, {compose/not-found}, {compose/limit}
 */
export function loadProjectNow(sources: Sources, options: LoadOptions): Project {
  return loadProject(sources, { readLaxly: readEventsLaxly, ...options })
}
