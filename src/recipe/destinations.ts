import { dirname, resolve } from 'node:path';
import { locateMember } from './given-stage.js';
import type { Problems } from './problems.js';
import { fileOfPath, type StageDraft } from './stage.js';

/** Reports stages that would write their results over each other's. */
export function checkDestinations(drafts: readonly StageDraft[], problems: Problems): void {
  const owners = new Map<string, StageDraft>();
  for (const draft of drafts) {
    const request = draft.kind.destination?.(draft.parameters);
    if (request === undefined) continue;
    const path = resolve(dirname(fileOfPath(draft, request.pointer)), request.path);
    const owner = owners.get(path);
    owners.set(path, owner ?? draft);
    if (owner === undefined) continue;
    const location = locateMember(draft.members, draft.stage.declaration, request.pointer, 'value');
    const key = draft.stage === owner.stage ? draft.values[0]?.key : undefined;
    const suggestion = key === undefined ? undefined : `tell them apart: ${request.path}-\${matrix.${key}}`;
    problems.add(location, `\`${owner.name}\` and \`${draft.name}\` both write to ${request.path}`, suggestion);
  }
}
