import { findOwned, forward, paramsOf } from '../call.ts'
import type { Handler } from '../call.ts'

/** Makes an image of a container, on the node of the container. The next image list shows it. */
export const commit: Handler = (api, call) => {
  const params = paramsOf(call)
  const owned = findOwned(api, params.get('container') ?? '')
  params.set('container', owned.container.id)
  forward(api, call, owned.member, {
    engineQuery: params.toString(),
    onReply: (status) => {
      if (status < 300) void api.cluster.changed(owned.member, { what: 'images' })
    },
  })
}
