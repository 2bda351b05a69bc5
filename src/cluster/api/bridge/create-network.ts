import { readField } from '../../wire.ts'
import type { Fields } from '../../wire.ts'
import { refuse } from './create-body.ts'
import { isLostOn } from './versions.ts'
import type { VersionPair } from './versions.ts'

/**
 * A network as the engine's version says it. From 1.44 on no name is given twice, whatever the client says.
 *
 * @throws {cluster/invalid-option} status 400 when the engine would make another network than was asked for
 */
export function bridgeNetwork(body: Fields, pair: VersionPair, node: string): Fields {
  if (isLostOn(pair, '1.48') && readField(body, 'EnableIPv4') === false) throw refuse('EnableIPv4', '1.48', node, pair)
  return isLostOn(pair, '1.44') ? { ...body, CheckDuplicate: true } : body
}
