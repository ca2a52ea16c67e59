import type { ModelConfig } from '../checkpoints/config.js';
import { QuernError } from '../errors.js';
import type { Architecture } from './architecture.js';
import { gemma, gemma2 } from './gemma.js';
import { gpt2 } from './gpt2.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import { opt } from './opt.js';
import { phi3 } from './phi3.js';
import { qwen2, qwen3 } from './qwen.js';

/** The architectures that can be built from a checkpoint. This is the only list of them. */
const architectures: readonly Architecture[] = [opt, llama, mistral, qwen2, qwen3, phi3, gemma, gemma2, gpt2];

/** The builder of the architecture that a `config.json` names. */
export function architectureOf(config: ModelConfig): Architecture {
  const found = architectures.find(({ names }) => names.includes(config.architecture));
  if (found !== undefined) return found;
  const names = architectures.flatMap(({ names }) => names).join(', ');
  throw new QuernError('input', `${config.path}: the architecture ${config.architecture} is not supported`, {
    suggestion: `supported are ${names}`,
  });
}
