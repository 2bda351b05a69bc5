/**
 * `flotilla/plugin`: what a third-party package exports, and the registry that finds implementations by kind and name.
 * Importing this loads no implementation.
 */
export { definePlugin, toPluginTable } from './define-plugin.ts'
export type { PluginDefinition, PluginLoader } from './define-plugin.ts'
export { builtins } from './builtins.generated.ts'
export { makeRegistry } from './make-registry.ts'
export type { PluginEntry, PluginTable } from './make-registry.ts'
export { makeOpenRegistry, parsePluginConfig } from './packages.ts'
export type { PackageEntry, PackageSource } from './packages.ts'
export type { PluginKind, Registry } from './registry.ts'
// The interfaces to implement.
export type { Discovery, DiscoveryContext, MakeDiscovery } from '../cluster/discovery/discovery.ts'
export type { Leader, Lease } from '../cluster/leader/leader.ts'
export type { Filter, NodePart } from '../cluster/filters/filter.ts'
export type { NodeView } from '../cluster/model.ts'
export type { PlacementRequest } from '../cluster/placement.ts'
export type { Strategy } from '../cluster/strategies/strategy.ts'
export type { Driver, DriverContext, DriverDescriptor, DriverFactory } from '../machine/driver.ts'
export type { Provisioner } from '../machine/provision/provisioner.ts'
