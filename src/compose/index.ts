/**
 * `flotilla/compose`: Compose projects as data. Load one, see what an engine has of it, plan the difference, carry it
 * out. Only `observe`, `execute` and `converge` talk to an engine; loading, planning and hashing are pure.
 *
 * @example
 * const project = loadProject({ files: [{ path: '/app/compose.yaml', text }], workingDir: '/app', environment: {} }, {
 *   files: { readText: readTextNow, kindOf: kindOfPath, resolveLinks },
 * })
 * const observed = await observe(engine, { project: project.name })
 * const plan = reconcile(project, observed, defaultReconcileOptions)
 * console.log(isQuestions(plan) ? plan.questions : renderPlan(plan))
 */
export { buildServices } from './build/build-services.ts'
export type { BuildServicesOptions } from './build/build-services.ts'
export type { BuildHost } from './build/build-image.ts'
export { converge, prepare } from './converge.ts'
export type { ConvergeOptions } from './converge.ts'
export { execute } from './execute.ts'
export { explainPlan } from './explain.ts'
export type { ExecuteOptions, StartedContainer } from './execute.ts'
export { hashNetwork, hashService, hashVolume } from './hash.ts'
export { observe, observeContainers } from './observe.ts'
export type { ObserveRequest } from './observe.ts'

export { loadProjectNow as loadProject } from './load/load-now.ts'
export { LoadError } from './load/failure.ts'
export { defaultLimits } from './load/limits.ts'
export type { LoadLimits } from './load/limits.ts'
export type { Files, LoadOptions, ReadText, SourceFile, Sources } from './load/options.ts'
export { findSources, readProject } from './load/source.ts'
export type { FoundSources, SourceRequest } from './load/source.ts'

export type { Dictionary } from './model/dictionary.ts'
export type { Problem } from './model/problem.ts'
export type { Project } from './model/project.ts'
export { renderProject } from './model/render/project.ts'
export type { FileObject, Network, Volume } from './model/resource.ts'
export type { Dependency, Healthcheck, Port, Service, ServiceNetwork } from './model/service.ts'

export { describePlan } from './plan/document/document.ts'
export type { ContainerChange, PlanDocument, ResourceChange, ServiceChange } from './plan/document/document.ts'
export type { FieldChange } from './plan/document/field-changes.ts'
export { planDown } from './plan/down.ts'
export type { DownOptions } from './plan/down.ts'
export { LABEL } from './plan/label.ts'
export type { Observed, ObservedContainer, ObservedNetwork, ObservedVolume } from './plan/observed.ts'
export { defaultReconcileOptions } from './plan/options.ts'
export type { ReconcileOptions, RecreatePolicy } from './plan/options.ts'
export { isQuestions, renderPlan } from './plan/plan.ts'
export type { Plan, Question, Questions, Step, StepOp } from './plan/plan.ts'
export { reconcile } from './plan/reconcile.ts'

export { FlotillaError, isFlotillaError } from '../core/errors.ts'
export type { CallOptions } from '../core/call.ts'
export type { Clock } from '../core/clock.ts'
export type { Progress, ProgressEvent } from '../core/progress.ts'
export type { Engine } from '../engine/engine.ts'
export { systemClock } from '../io/clock.ts'
export { kindOfPath, readTextNow, resolveLinks } from '../io/text-files.ts'
