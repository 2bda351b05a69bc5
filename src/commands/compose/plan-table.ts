import { defineCommand } from '../../cli/command.ts'
import type { Command } from '../../cli/command.ts'

/** Flags and row of `plan`. Loaded at every start: nothing but data. */

export const planFlags = {
  'always-recreate-deps': {
    kind: 'boolean',
    brief: 'Replace containers of dependencies too, even when nothing changed',
  },
  'detailed-exitcode': {
    kind: 'boolean',
    brief: 'Exit code 0 when there is nothing to do, 2 when there is, 1 for errors',
  },
  'force-recreate': { kind: 'boolean', brief: 'Replace containers even when nothing changed' },
  format: { kind: 'string', brief: 'text or json', default: 'text', placeholder: 'string', complete: ['text', 'json'] },
  'lowest-numbers': {
    kind: 'boolean',
    brief: 'Give new containers the lowest free numbers, in place of those after the highest',
  },
  'no-deps': { kind: 'boolean', brief: 'Leave out the dependencies of the named services' },
  'no-recreate': { kind: 'boolean', brief: 'Leave existing containers as they are' },
  pull: {
    kind: 'string',
    brief: 'When to pull: always, missing, never, or policy (as the file says)',
    placeholder: 'string',
    default: 'policy',
    complete: ['always', 'missing', 'never', 'policy'],
  },
  'remove-orphans': {
    kind: 'boolean',
    brief: 'Remove containers of services the files no longer have',
    env: ['COMPOSE_REMOVE_ORPHANS'],
  },
  'renew-anon-volumes': { kind: 'boolean', short: 'V', brief: 'New anonymous volumes in place of the old ones' },
  'replace-classic': {
    kind: 'boolean',
    brief: 'Replace containers made by docker-compose 1 even when nothing changed',
  },
  scale: {
    kind: 'strings',
    brief: 'SERVICE=NUM: number of containers, over what the file says',
    placeholder: 'scale',
    complete: 'scale',
  },
  steps: { kind: 'boolean', brief: 'List every step in order too' },
  strict: {
    kind: 'boolean',
    brief: 'Refuse what services ask for and the engine would leave out, in place of a warning',
  },
  timeout: {
    kind: 'integer',
    short: 't',
    brief: 'Seconds until a container that does not stop is killed (default: stop_grace_period, else 10)',
  },
  yes: { kind: 'boolean', short: 'y', aliases: ['y'], brief: 'Answer every question with yes' },
} as const

export const planCommand: Command = defineCommand({
  name: 'plan',
  brief: 'Show what up would change, setting by setting, and change nothing',
  flags: planFlags,
  args: [{ name: '[SERVICE...]', complete: 'service' }],
  load: () => import('./plan.ts'),
})
