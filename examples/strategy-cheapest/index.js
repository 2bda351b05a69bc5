/** @type {import('flotilla/plugin').PluginDefinition} */
const plugin = {
  apiVersion: 1,
  strategies: { cheapest: async () => (await import('./cheapest.js')).cheapest },
}
export default plugin
