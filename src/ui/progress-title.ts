import type { ProgressEvent } from '../core/progress.ts'

/** What stands over a picture: the word docker-compose 2.40 has for what goes on. */
export type ProgressTitle =
  | 'Building'
  | 'Committing'
  | 'Copying'
  | 'Creating'
  | 'Exporting'
  | 'Killing'
  | 'Pausing'
  | 'Publishing'
  | 'Pulling'
  | 'Pushing'
  | 'Removing'
  | 'Restarting'
  | 'Running'
  | 'Stopping'

/** What a command that only creates has under another title, by what is said of it: seen with docker-compose 2.40. */
const besidesCreating = ['Pulling', 'Starting', 'Waiting']

/**
 * The title that something belongs under.
 *
 * @param title of the command
 */
export function titleOf({ text }: ProgressEvent, title: ProgressTitle): ProgressTitle {
  if (text === 'Building' || text === 'Pushing') return text
  return title === 'Creating' && besidesCreating.includes(text) ? 'Running' : title
}
