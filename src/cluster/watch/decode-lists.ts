import type { ImageView, NetworkView, VolumeView } from '../model.ts'
import { readLabels, readNumber, readText, readTexts, readTimeMs } from '../wire.ts'
import type { Fields } from '../wire.ts'

export function decodeImage(row: Fields): ImageView {
  return {
    id: readText(row, 'Id'),
    repoTags: readTexts(row, 'RepoTags').filter((tag) => tag !== '<none>:<none>'),
    repoDigests: readTexts(row, 'RepoDigests').filter((digest) => digest !== '<none>@<none>'),
    createdAtMs: readNumber(row, 'Created') * 1000,
    labels: readLabels(row, 'Labels'),
    row,
  }
}

export function decodeNetwork(row: Fields): NetworkView {
  return {
    id: readText(row, 'Id'),
    name: readText(row, 'Name'),
    scope: readText(row, 'Scope') || 'local',
    driver: readText(row, 'Driver'),
    labels: readLabels(row, 'Labels'),
    createdAtMs: readTimeMs(row, 'Created'),
    row,
  }
}

export function decodeVolume(row: Fields): VolumeView {
  return {
    name: readText(row, 'Name'),
    driver: readText(row, 'Driver'),
    scope: readText(row, 'Scope') || 'local',
    labels: readLabels(row, 'Labels'),
    row,
  }
}
