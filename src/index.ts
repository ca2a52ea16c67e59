/**
 * quern as a library: reading recipes, planning and building them, and adding stage kinds. What is exported here follows
 * semantic versioning; nothing else does.
 */
export type { BuildResult } from './build/build.js';
export type { Difference } from './build/differences.js';
export type {
  BuildEvent,
  BuildListener,
  BuildStatus,
  GateResult,
  StageError,
  StageOutcome,
} from './build/events.js';
export type { StagePlan } from './build/plan.js';
export type { ActionRecord } from './build/record.js';
export type { Explanation } from './build/why.js';
export type { Diagnostic, ErrorCode, Location } from './errors.js';
export { QuernError } from './errors.js';
export type { Json, JsonObject } from './json.js';
export { artifactDirectory } from './library/artifact.js';
export type { BuildOptions, PlannedStage, PlanOptions } from './library/build.js';
export { build, plan } from './library/build.js';
export { defineStageKind, registerStageKind } from './library/kinds.js';
export type { LoadRecipeOptions, ProjectOptions } from './library/project.js';
export { loadRecipe } from './library/project.js';
export { renderDiagnostics } from './recipe/frame.js';
export type { Gate, LoadedRecipe, Recipe, ResolvedStage } from './recipe/load.js';
export type { LinearOperator } from './runtime/devices/device.js';
export type { DeviceDriver, DriverDispatch, DriverWeights } from './runtime/devices/plugin/driver.js';
export type {
  ArtifactType,
  InputSlot,
  PartOfWork,
  Progress,
  SourceFile,
  SourceRequest,
  StageKind,
  StageWork,
  WorkContext,
  WorkResult,
} from './stages/kind.js';
