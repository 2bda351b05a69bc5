import { inlineOf, listOf, mapOf, struct, structOf } from './kind.ts'
import type { Struct } from './kind.ts'

/** Pieces of a service that have fields of their own, in the order of the reference program's structs. */

export const fileReferenceStruct: Struct = struct([
  ['source', 'text'],
  ['target', 'text'],
  ['uid', 'text'],
  ['gid', 'text'],
  ['mode', 'mode'],
])

export const buildStruct: Struct = struct([
  ['context', 'text'],
  ['dockerfile', 'text'],
  ['dockerfile_inline', 'text'],
  ['entitlements', 'texts'],
  ['args', 'maybe-pairs'],
  ['provenance', 'text'],
  ['sbom', 'text'],
  ['ssh', 'ssh'],
  ['labels', 'labels'],
  ['cache_from', 'texts'],
  ['cache_to', 'texts'],
  ['no_cache', 'flag'],
  ['no_cache_filter', 'texts'],
  ['additional_contexts', 'pairs'],
  ['pull', 'flag'],
  ['extra_hosts', 'hosts'],
  ['isolation', 'text'],
  ['network', 'text'],
  ['target', 'text'],
  ['secrets', listOf(structOf(fileReferenceStruct))],
  ['shm_size', 'bytes'],
  ['tags', 'texts'],
  ['ulimits', mapOf('ulimit')],
  ['platforms', 'texts'],
  ['privileged', 'flag'],
])

export const hookStruct: Struct = struct([
  ['command', 'command'],
  ['user', 'text'],
  ['privileged', 'flag'],
  ['working_dir', 'text'],
  ['environment', 'maybe-pairs'],
])

export const initHookStruct: Struct = struct([...hookStruct.fields, ['image', 'text'], ['per_replica', 'flag']])

export const developStruct: Struct = struct([
  [
    'watch',
    listOf(
      structOf(
        struct([
          ['path', 'text', 'always'],
          ['action', 'text', 'always'],
          ['target', 'text'],
          ['exec', inlineOf(hookStruct)],
          ['include', 'texts'],
          ['ignore', 'texts'],
          ['initial_sync', 'flag'],
        ]),
      ),
    ),
  ],
])

const throttleStruct: Struct = {
  ...struct([
    ['path', 'text', 'always'],
    ['rate', 'bytes', 'always'],
  ]),
  isCapitalized: true,
}

const weightStruct: Struct = {
  ...struct([
    ['path', 'text', 'always'],
    ['weight', 'uint16', 'always'],
  ]),
  isCapitalized: true,
}

export const blkioStruct: Struct = struct([
  ['weight', 'uint16'],
  ['weight_device', listOf(structOf(weightStruct))],
  ['device_read_bps', listOf(structOf(throttleStruct))],
  ['device_read_iops', listOf(structOf(throttleStruct))],
  ['device_write_bps', listOf(structOf(throttleStruct))],
  ['device_write_iops', listOf(structOf(throttleStruct))],
])

export const healthcheckStruct: Struct = struct([
  ['test', 'test'],
  ['timeout', 'maybe-duration'],
  ['interval', 'maybe-duration'],
  ['retries', 'maybe-uint64'],
  ['start_period', 'maybe-duration'],
  ['start_interval', 'maybe-duration'],
  ['disable', 'flag'],
])

export const portStruct: Struct = struct([
  ['name', 'text'],
  ['mode', 'text'],
  ['host_ip', 'text'],
  ['target', 'port'],
  ['published', 'text'],
  ['protocol', 'text'],
  ['app_protocol', 'text'],
])

export const endpointStruct: Struct = struct([
  ['aliases', 'texts'],
  ['driver_opts', 'options'],
  ['gw_priority', 'whole'],
  ['interface_name', 'text'],
  ['ipv4_address', 'text'],
  ['ipv6_address', 'text'],
  ['link_local_ips', 'texts'],
  ['mac_address', 'text'],
  ['priority', 'whole'],
])

export const mountStruct: Struct = struct([
  ['type', 'text'],
  ['source', 'text'],
  ['target', 'text'],
  ['read_only', 'flag'],
  ['consistency', 'text'],
  [
    'bind',
    structOf(
      struct([
        ['selinux', 'text'],
        ['propagation', 'text'],
        ['create_host_path', 'flag'],
        ['recursive', 'text'],
      ]),
    ),
  ],
  [
    'volume',
    structOf(
      struct([
        ['labels', 'pairs'],
        ['nocopy', 'flag'],
        ['subpath', 'text'],
      ]),
    ),
  ],
  [
    'tmpfs',
    structOf(
      struct([
        ['size', 'bytes'],
        ['mode', 'uint32'],
      ]),
    ),
  ],
  ['image', structOf(struct([['subpath', 'text']]))],
])

export const dependencyStruct: Struct = struct([
  ['condition', 'text'],
  ['restart', 'flag'],
  ['required', 'flag', 'always'],
])
