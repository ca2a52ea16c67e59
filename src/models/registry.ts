import type { ModelConfig } from '../checkpoints/config.js';
import { QuernError } from '../errors.js';
import type { Architecture } from './architecture.js';
import { opt } from './opt.js';

/** The architectures that can be built from a checkpoint. This is the only list of them. */
const architectures: readonly Architecture[] = [opt];

/** The builder of the architecture that a `config.json` names. */
export function architectureOf(config: ModelConfig): Architecture {
  const found = architectures.find(({ names }) => names.includes(config.architecture));
  if (found !== undefined) return found;
  const names = architectures.flatMap(({ names }) => names).join(', ');
  throw new QuernError('input', `${config.path}: the architecture ${config.architecture} is not supported`, {
    suggestion: `supported are ${names}`,
  });
}
