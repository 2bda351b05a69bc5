import { inlineOf, listOf, struct, structOf } from './kind.ts'
import type { Struct } from './kind.ts'

export const networkStruct: Struct = struct([
  ['name', 'text'],
  ['driver', 'text'],
  ['driver_opts', 'options'],
  [
    'ipam',
    inlineOf(
      struct([
        ['driver', 'text'],
        [
          'config',
          listOf(
            structOf(
              struct([
                ['subnet', 'text'],
                ['gateway', 'text'],
                ['ip_range', 'text'],
                ['aux_addresses', 'pairs'],
              ]),
            ),
          ),
        ],
        // Newer than the reference version: `hashNetwork` leaves it out.
        ['options', 'options'],
      ]),
    ),
  ],
  ['external', 'flag'],
  ['internal', 'flag'],
  ['attachable', 'flag'],
  ['labels', 'labels'],
  ['enable_ipv4', 'maybe-flag'],
  ['enable_ipv6', 'maybe-flag'],
])

export const volumeStruct: Struct = struct([
  ['name', 'text'],
  ['driver', 'text'],
  ['driver_opts', 'options'],
  ['external', 'flag'],
  ['labels', 'labels'],
])

/** Secrets and configs. */
export const fileObjectStruct: Struct = struct([
  ['name', 'text'],
  ['file', 'text'],
  ['environment', 'text'],
  ['content', 'text'],
  ['external', 'flag'],
  ['labels', 'labels'],
  ['driver', 'text'],
  ['driver_opts', 'text-options'],
  ['template_driver', 'text'],
])

export const modelStruct: Struct = struct([
  ['name', 'text'],
  ['model', 'text'],
  ['context_size', 'whole'],
  ['runtime_flags', 'texts'],
])
