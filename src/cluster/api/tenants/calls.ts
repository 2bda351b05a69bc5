import { create, exec, execStream, remove, rename, start, update } from './container-calls.ts'
import {
  buildImage,
  commitContainer,
  createImage,
  inspectImage,
  pushImage,
  readImage,
  removeImage,
  saveImages,
  tagImage,
} from './image-calls.ts'
import { attachment, createNetwork, inspectNetwork } from './network-calls.ts'
import type { TenantRule } from './routes.ts'
import { absent, listNodes, logs, prune, stats, stream } from './stream-calls.ts'
import type { TenantStep } from './tenant-call.ts'
import { createVolume } from './volume-calls.ts'

/** What stands between a tenant's call and its handler, by the rule of the route. */
export const tenantSteps: Readonly<Record<Exclude<TenantRule, 'closed'>, TenantStep>> = {
  absent,
  attachment,
  build: buildImage,
  commit: commitContainer,
  create,
  events: stream,
  exec,
  'exec-stream': execStream,
  image: readImage,
  'image-inspect': inspectImage,
  'image-remove': removeImage,
  'image-tag': tagImage,
  logs,
  'network-create': createNetwork,
  'network-inspect': inspectNetwork,
  nodes: listNodes,
  plain: ({ run }) => run(),
  prune,
  pull: createImage,
  push: pushImage,
  remove,
  rename,
  save: saveImages,
  start,
  stats,
  stream,
  update,
  'volume-create': createVolume,
}
