// What the programs read first: names to loaders. Importing this loads nothing else.

/** @type {import('flotilla/plugin').PluginDefinition} */
const plugin = {
  apiVersion: 1,
  discoveries: { dns: async () => (await import('./dns.js')).makeDns() },
}
export default plugin
