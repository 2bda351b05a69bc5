/** @type {import('flotilla/plugin').PluginDefinition} */
const plugin = {
  apiVersion: 1,
  drivers: {
    inventory: async () => ({
      name: 'inventory',
      apiVersion: 1,
      flags: {
        'inventory-file': {
          kind: 'string',
          brief: 'JSON file with an object: names to addresses of engines',
          default: '',
          env: ['INVENTORY_FILE'],
        },
      },
      load: async () => (await import('./inventory.js')).inventory,
    }),
  },
}
export default plugin
