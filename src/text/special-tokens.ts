import { isJsonObject, type Json, type JsonObject } from '../json.js';

/** Tokens that are put round a text, by name. */
interface Surroundings {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/**
 * The post-processor of a tokenizer, with BOS and EOS as tokenizer_config.json says in `add_bos_token` and
 * `add_eos_token`. What that file does not say stays as it is in tokenizer.json.
 */
export function postProcessorOf(
  json: JsonObject,
  config: JsonObject,
  idOf: (token: string) => number | undefined,
): Json {
  const postProcessor = json.post_processor ?? null;
  const { add_bos_token: addBos, add_eos_token: addEos } = config;
  if (typeof addBos !== 'boolean' && typeof addEos !== 'boolean') return postProcessor;
  const found = surroundingsOf(postProcessor);
  if (found === undefined) return postProcessor;
  const before = changed(found.before, specialToken(config.bos_token), addBos, 'first');
  const after = changed(found.after, specialToken(config.eos_token), addEos, 'last');
  const isSame = before.join('\0') === found.before.join('\0') && after.join('\0') === found.after.join('\0');
  if (isSame || [...before, ...after].some((token) => idOf(token) === undefined)) return postProcessor;
  return surround({ before, after }, (token) => idOf(token) ?? 0);
}

/** A post-processor that puts tokens round a text. */
export function surround({ before, after }: Surroundings, idOf: (token: string) => number): JsonObject {
  const special = (id: string): JsonObject => ({ SpecialToken: { id, type_id: 0 } });
  const names = [...new Set([...before, ...after])];
  const whole = (id: string): Json[] => [
    ...before.map(special),
    { Sequence: { id, type_id: 0 } },
    ...after.map(special),
  ];
  return {
    type: 'TemplateProcessing',
    single: whole('A'),
    pair: [...whole('A'), ...whole('B')],
    special_tokens: Object.fromEntries(names.map((id) => [id, { id, ids: [idOf(id)], tokens: [id] }])),
  };
}

/** The text of a token as tokenizer_config.json writes it: plain, or as an object with settings. */
export function specialToken(value: Json | undefined): string | undefined {
  const text = isJsonObject(value) ? value.content : value;
  return typeof text === 'string' ? text : undefined;
}

function changed(
  tokens: readonly string[],
  token: string | undefined,
  wanted: Json | undefined,
  place: 'first' | 'last',
): readonly string[] {
  if (token === undefined || typeof wanted !== 'boolean') return tokens;
  const isThere = tokens.at(place === 'first' ? 0 : -1) === token;
  if (isThere === wanted) return tokens;
  if (wanted) return place === 'first' ? [token, ...tokens] : [...tokens, token];
  return place === 'first' ? tokens.slice(1) : tokens.slice(0, -1);
}

/** `undefined` for post-processors of another kind, which are left alone. */
function surroundingsOf(postProcessor: Json): Surroundings | undefined {
  if (!isJsonObject(postProcessor)) return { before: [], after: [] };
  if (postProcessor.type === 'ByteLevel') return { before: [], after: [] };
  if (postProcessor.type === 'Sequence' && Array.isArray(postProcessor.processors)) {
    const found = postProcessor.processors.map((step: Json) => surroundingsOf(step));
    if (found.some((one) => one === undefined)) return undefined;
    return found.find((one) => one !== undefined && one.before.length + one.after.length > 0) ?? found[0];
  }
  if (postProcessor.type !== 'TemplateProcessing' || !Array.isArray(postProcessor.single)) return undefined;
  const template: readonly Json[] = postProcessor.single;
  const names = template.map((part) => {
    const special = isJsonObject(part) ? part.SpecialToken : undefined;
    return isJsonObject(special) && typeof special.id === 'string' ? special.id : undefined;
  });
  const text = names.indexOf(undefined);
  if (text < 0 || names.indexOf(undefined, text + 1) >= 0) return undefined;
  const present = (list: readonly (string | undefined)[]) => list.filter((name) => name !== undefined);
  return { before: present(names.slice(0, text)), after: present(names.slice(text + 1)) };
}
