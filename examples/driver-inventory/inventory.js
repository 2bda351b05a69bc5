import { readFile } from 'node:fs/promises'

/**
 * Engines that somebody else looks after, by the names a file gives them. The file is read anew each time, so that an
 * engine that moved is found where it is now.
 *
 * @type {import('flotilla/machine').DriverFactory}
 */
export const inventory = {
  async configure(ctx, options) {
    const file = String(options['inventory-file'] ?? '')
    if (file === '') throw refusal('inventory driver requires the --inventory-file option')
    const url = await lookUp(file, ctx.machineName)
    return {
      IPAddress: new URL(url).hostname,
      MachineName: ctx.machineName,
      SSHUser: '',
      SSHPort: 0,
      SSHKeyPath: '',
      StorePath: ctx.storePath,
      SwarmMaster: false,
      SwarmHost: '',
      SwarmDiscovery: '',
      InventoryFile: file,
    }
  },
  create: (ctx, config) => driver(ctx.machineName, config),
}

/**
 * @param {string} name
 * @param {import('flotilla/machine').DriverConfig} config
 * @returns {import('flotilla/machine').Driver}
 */
function driver(name, config) {
  const url = () => lookUp(String(config['InventoryFile']), name)
  const refuse = async () => {
    throw refusal('a machine of the inventory is switched by whoever runs it')
  }
  return {
    async precheck() {
      await url()
    },
    create: async () => {},
    state: async () => 'Running',
    start: refuse,
    stop: refuse,
    kill: refuse,
    restart: refuse,
    remove: async () => {},
    address: async () => new URL(await url()).hostname,
    ssh: () => undefined,
    engineUrl: url,
    toConfig: () => config,
  }
}

/**
 * @param {string} file
 * @param {string} name
 * @returns {Promise<string>}
 */
async function lookUp(file, name) {
  let engines
  try {
    engines = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw refusal(`cannot read the inventory "${file}": ${error instanceof Error ? error.message : String(error)}`)
  }
  const url = Object.hasOwn(engines, name) ? engines[name] : undefined
  if (typeof url !== 'string' || !URL.canParse(url)) throw refusal(`the inventory "${file}" has no engine "${name}"`)
  return url
}

/**
 * An error for the user. The library's own class would do as well, but is not there beside the single executable.
 *
 * @param {string} text
 */
function refusal(text) {
  return Object.assign(new Error(text), { code: 'machine/driver' })
}
