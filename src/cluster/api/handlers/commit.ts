import { findOwned, forward, paramsOf } from '../call.ts'
import type { Handler } from '../call.ts'

/** Makes an image of a container, on the node of the container. The next image list shows it. */
export const commit: Handler = (api, call) => {
  const params = paramsOf(call)
  const owned = findOwned(api, params.get('container') ?? '')
  params.set('container', owned.container.id)
  const repository = params.get('repo') ?? ''
  const names = repository === '' ? [] : [`${repository}:${params.get('tag') || 'latest'}`]
  forward(api, call, owned.member, {
    engineQuery: params.toString(),
    onReply: (status) => {
      if (status >= 300) return
      const { member } = owned
      const before = member.view.images
      const read = api.cluster.changed(member, { what: 'images' })
      api.latest.after(read, () => api.latest.compare(member.addr, before, member.view.images, names))
    },
  })
}
