import { expect, it } from 'vitest'
import { startEndpointBed } from '../../../testing/endpoint-bed.ts'

/** As Docker Compose 2 replaces a container: the new one is made, the old one is removed, the new one is renamed and started. */
it('a container is replaced where its host port is, by the one of its project that says so', async () => {
  const bed = await startEndpointBed([{ images: ['box'] }, { images: ['box'] }])
  try {
    const Labels = { 'com.docker.compose.project': 'shop' }
    expect((await bed.call('POST', '/networks/create', { Name: 'n1/net', Labels })).status).toBe(201)
    const HostConfig = { NetworkMode: 'net', PortBindings: { '80/tcp': [{ HostPort: '8080' }] } }
    const make = async (name: string, more: object): Promise<{ status: number; body: string }> =>
      bed.call('POST', `/containers/create?name=${name}`, { Image: 'box', HostConfig, ...more })
    const first = await make('shop-web-1', { Labels })
    expect(first.status, first.body).toBe(201)
    const { Id: id } = JSON.parse(first.body) as { readonly Id: string }
    const next = `${id.slice(0, 12)}_shop-web-1`
    const replacing = { ...Labels, 'com.docker.compose.replace': 'web-1' }
    for (const [name, labels] of [
      [next, Labels],
      ['other', replacing],
      [next, { ...replacing, 'com.docker.compose.project': 'foreign' }],
    ] as const) {
      const refused = await make(name, { Labels: labels })
      expect([refused.status, refused.body]).toEqual([500, expect.stringContaining('port 8080 (Bridge mode)')])
    }
    const second = await make(next, { Labels: replacing })
    expect(second.status, second.body).toBe(201)
    expect((await bed.call('DELETE', '/containers/shop-web-1')).status).toBe(204)
    expect((await make('third', { Labels })).status).toBe(500)
  } finally {
    await bed.close()
  }
})
