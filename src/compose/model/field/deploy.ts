import { inlineOf, listOf, struct, structOf } from './kind.ts'
import type { Struct } from './kind.ts'

export const deviceRequestStruct: Struct = {
  fields: [
    ['capabilities', 'texts'],
    ['driver', 'text'],
    ['count', 'count'],
    ['device_ids', 'texts'],
    ['options', 'pairs'],
  ],
  isExtensible: false,
}

const updateStruct: Struct = struct([
  ['parallelism', 'maybe-uint64'],
  ['delay', 'duration'],
  ['failure_action', 'text'],
  ['monitor', 'duration'],
  ['max_failure_ratio', 'fraction'],
  ['order', 'text'],
])

const resourceStruct: Struct = struct([
  ['cpus', 'fraction'],
  ['memory', 'bytes'],
  ['pids', 'whole'],
  ['devices', listOf(structOf(deviceRequestStruct))],
  [
    'generic_resources',
    listOf(
      structOf(
        struct([
          [
            'discrete_resource_spec',
            structOf(
              struct([
                ['kind', 'text', 'always'],
                ['value', 'whole', 'always'],
              ]),
            ),
          ],
        ]),
      ),
    ),
  ],
])

export const deployStruct: Struct = struct([
  ['mode', 'text'],
  ['replicas', 'maybe-whole'],
  ['labels', 'labels'],
  ['update_config', structOf(updateStruct)],
  ['rollback_config', structOf(updateStruct)],
  [
    'resources',
    inlineOf(
      struct([
        ['limits', structOf(resourceStruct)],
        ['reservations', structOf(resourceStruct)],
      ]),
    ),
  ],
  [
    'restart_policy',
    structOf(
      struct([
        ['condition', 'text'],
        ['delay', 'maybe-duration'],
        ['max_attempts', 'maybe-uint64'],
        ['window', 'maybe-duration'],
      ]),
    ),
  ],
  [
    'placement',
    inlineOf(
      struct([
        ['constraints', 'texts'],
        ['preferences', listOf(structOf(struct([['spread', 'text']])))],
        ['max_replicas_per_node', 'uint64'],
      ]),
    ),
  ],
  ['endpoint_mode', 'text'],
])
