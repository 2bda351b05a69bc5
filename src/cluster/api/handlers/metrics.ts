import type { Handler } from '../call.ts'

/** The state of this manager as Prometheus reads it. Nothing is computed before somebody asks. */
export const metrics: Handler = async (api, call) => {
  const [{ expositionType, renderExposition }, { listFamilies }, { readMetrics }] = await Promise.all([
    import('../../metrics/exposition.ts'),
    import('../../metrics/families.ts'),
    import('../../metrics/read.ts'),
  ])
  const text = renderExposition(listFamilies(readMetrics(api)))
  call.exchange.reply(200, ['Content-Type', expositionType, 'Cache-Control', 'no-cache'], text)
}
