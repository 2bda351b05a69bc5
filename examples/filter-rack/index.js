/** @type {import('flotilla/plugin').PluginDefinition} */
const plugin = {
  apiVersion: 1,
  filters: { rack: async () => (await import('./rack.js')).rack },
}
export default plugin
