import type { WorkContext, WorkResult } from '../kind.js';
import { importAwq } from './import/work.js';
import { type AwqParameters, awq } from './work.js';

/** Searches with a data set, or applies what llm-awq has found. */
export function searchOrImport(context: WorkContext<AwqParameters>): Promise<WorkResult> {
  return context.sources.import === undefined ? awq(context) : importAwq(context);
}
