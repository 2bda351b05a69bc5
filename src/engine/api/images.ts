import type { Readable } from 'node:stream'
import type { CallOptions } from '../../core/call.ts'
import type { ByteSource } from '../../io/http/request.ts'
import type { Engine } from '../engine.ts'
import {
  callForJson,
  callForShape,
  callForStatus,
  createCallMs,
  escapeImage,
  plainCallMs,
  renderFilters,
  slowCallMs,
  transferIdleMs,
} from './call.ts'
import { imageDetails, imageRows } from './shapes.ts'
import type { Filters } from './types.ts'
import type { ImageHistoryEntry, ImageInspect, ImageProgress, ImageRemoval, ImageSummary } from './types-resource.ts'

/** Images of the engine, newest first; with `all` those that only serve as a layer of others too. */
export function listImages(
  engine: Engine,
  query: { readonly all?: boolean; readonly filters?: Filters; readonly digests?: boolean } = {},
  o?: CallOptions,
): Promise<readonly ImageSummary[]> {
  const { all, filters, digests } = query
  return callForShape(
    engine,
    { method: 'GET', path: '/images/json', query: { all, digests, filters: renderFilters(filters) } },
    imageRows,
    o,
  )
}

/** @throws {engine/not-found} */
export function inspectImage(engine: Engine, reference: string, o?: CallOptions): Promise<ImageInspect> {
  return callForShape(engine, { method: 'GET', path: `/images/${escapeImage(reference)}/json` }, imageDetails, o)
}

/** The layers of an image and what made them, newest first. */
export function imageHistory(
  engine: Engine,
  reference: string,
  o?: CallOptions,
): Promise<readonly ImageHistoryEntry[]> {
  return callForJson(engine, { method: 'GET', path: `/images/${escapeImage(reference)}/history` }, o)
}

/**
 * Pulls an image. The pull goes on while the documents are read; one with `error` is the last.
 *
 * @param query.registryAuth the ready `X-Registry-Auth` value
 */
export async function pullImage(
  engine: Engine,
  query: {
    readonly fromImage: string
    readonly tag?: string
    readonly platform?: string
    readonly registryAuth?: string
  },
  o?: CallOptions,
): Promise<AsyncIterable<ImageProgress>> {
  const { fromImage, tag, platform, registryAuth } = query
  const reply = await engine.request(
    {
      method: 'POST',
      path: '/images/create',
      query: { fromImage, tag, platform },
      ...(registryAuth === undefined ? {} : { headers: { 'X-Registry-Auth': registryAuth } }),
      stream: true,
      idleMs: transferIdleMs,
      // Engines with containerd's image store say nothing while they unpack a layer.
      patienceMs: slowCallMs,
    },
    { deadlineMs: createCallMs, ...o },
  )
  return reply.documents()
}

/**
 * What the registry of an image says of it, asked by the engine: with its mirrors and the registries it trusts.
 *
 * @returns the digest of the manifest
 * @throws {engine/unauthorized} also for what is not there, in some registries
 */
export async function fetchDigest(
  engine: Engine,
  reference: string,
  { registryAuth }: { readonly registryAuth?: string },
  o?: CallOptions,
): Promise<string> {
  const path = `/distribution/${escapeImage(reference)}/json`
  const headers = registryAuth === undefined ? {} : { headers: { 'X-Registry-Auth': registryAuth } }
  const found = await callForShape<{ readonly Descriptor: { readonly digest: string } }>(
    engine,
    { method: 'GET', path, ...headers },
    { must: { Descriptor: { must: { digest: 'text' } } } },
    o,
  )
  return found.Descriptor.digest
}

/**
 * Pushes an image to its registry. The push goes on while the documents are read; one with `error` is the last.
 *
 * @param name without tag
 */
export async function pushImage(
  engine: Engine,
  name: string,
  query: { readonly tag?: string; readonly registryAuth?: string },
  o?: CallOptions,
): Promise<AsyncIterable<ImageProgress>> {
  const { tag, registryAuth } = query
  const reply = await engine.request(
    {
      method: 'POST',
      path: `/images/${escapeImage(name)}/push`,
      query: { tag },
      // Engines before 24 insist on the header, be it of nobody: an empty object in base64.
      headers: { 'X-Registry-Auth': registryAuth ?? 'e30=' },
      stream: true,
    },
    { deadlineMs: createCallMs, ...o },
  )
  return reply.documents()
}

/** Makes an image of one layer from a tar of a root file system. */
export async function importImage(
  engine: Engine,
  query: {
    readonly repo?: string
    readonly tag?: string
    readonly message?: string
    readonly changes?: readonly string[]
  },
  body: ByteSource | Uint8Array,
  o?: CallOptions,
): Promise<AsyncIterable<ImageProgress>> {
  const { repo, tag, message, changes } = query
  const reply = await engine.request(
    {
      method: 'POST',
      path: '/images/create',
      query: { fromSrc: '-', repo, tag, message, changes },
      body,
      stream: true,
    },
    { deadlineMs: slowCallMs, ...o },
  )
  return reply.documents()
}

/** Loads an archive that `saveImages` or `docker save` wrote. */
export async function loadImages(
  engine: Engine,
  body: ByteSource | Uint8Array,
  query: { readonly quiet?: boolean } = {},
  o?: CallOptions,
): Promise<AsyncIterable<ImageProgress>> {
  const reply = await engine.request(
    { method: 'POST', path: '/images/load', query: { quiet: query.quiet }, body, stream: true },
    { deadlineMs: slowCallMs, ...o },
  )
  return reply.documents()
}

/** A tar stream of images, which the caller must consume or destroy. */
export async function saveImages(engine: Engine, references: readonly string[], o?: CallOptions): Promise<Readable> {
  const reply = await engine.request(
    { method: 'GET', path: '/images/get', query: { names: references }, stream: true, idleMs: transferIdleMs },
    { deadlineMs: slowCallMs, ...o },
  )
  return reply.body
}

/** Gives an image one more name; an image that had it loses it. The tag is `latest` unless said. */
export async function tagImage(
  engine: Engine,
  reference: string,
  query: { readonly repo: string; readonly tag?: string },
  o?: CallOptions,
): Promise<void> {
  const { repo, tag } = query
  await callForStatus(
    engine,
    { method: 'POST', path: `/images/${escapeImage(reference)}/tag`, query: { repo, tag } },
    o,
    plainCallMs,
  )
}

/** @throws {engine/conflict} when a container uses it and `force` is not given */
export function removeImage(
  engine: Engine,
  reference: string,
  query: { readonly force?: boolean; readonly noprune?: boolean } = {},
  o?: CallOptions,
): Promise<readonly ImageRemoval[]> {
  const { force, noprune } = query
  return callForShape(
    engine,
    { method: 'DELETE', path: `/images/${escapeImage(reference)}`, query: { force, noprune } },
    { listOf: {} },
    o,
    createCallMs,
  )
}
