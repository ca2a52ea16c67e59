import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { QuernError } from '../errors.js';
import { readUtf8File } from '../files/input-file.js';
import { readJsonObject } from '../files/json-file.js';
import { printable } from '../files/quote.js';
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { ownFile } from '../own-files.js';
import { specialToken } from './special-tokens.js';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** How a conversation is written for a model, in Jinja as Hugging Face's tokenizers have it. */
export interface ChatTemplate {
  /** Of the file it is from. */
  readonly path: string;
  readonly source: string;
  /** Special tokens by the names templates have for them, such as `bos_token`. */
  readonly tokens: { readonly [name: string]: string };
}

export interface ChatWorkerStart {
  readonly source: string;
  readonly variables: { readonly [name: string]: unknown };
}

export type ChatWorkerReply = { readonly text: string } | { readonly error: string };

const maximumTemplateBytes = 2 ** 20;

/** What rendering may take. Templates of real models take a few milliseconds. */
const limits = { durationMs: 10_000, heapMiB: 256 } as const;

/** The template that came with a model: `chat_template.jinja`, or in `tokenizer_config.json`. `undefined` if there is none. */
export function readChatTemplate(directory: string): ChatTemplate | undefined {
  const configPath = join(directory, 'tokenizer_config.json');
  const config = existsSync(configPath) ? readJsonObject(configPath) : {};
  const tokens = tokensOf(config);
  const path = join(directory, 'chat_template.jinja');
  if (existsSync(path)) return { path, source: readUtf8File(path, maximumTemplateBytes), tokens };
  const source = templateOf(config.chat_template);
  return source === undefined ? undefined : { path: configPath, source, tokens };
}

/** The text of a conversation that the model goes on with as the assistant. Special tokens are in it as text. */
export async function renderChat(
  { path, source, tokens }: ChatTemplate,
  messages: readonly ChatMessage[],
): Promise<string> {
  const reply = await inThread({ source, variables: { ...tokens, messages, add_generation_prompt: true } });
  if ('text' in reply) return reply.text;
  throw new QuernError('input', `${path}: the chat template can't be used: ${printable(reply.error)}`, {
    suggestion: 'ask without it: --no-chat',
  });
}

function inThread(workerData: ChatWorkerStart): Promise<ChatWorkerReply> {
  return new Promise((resolve) => {
    const worker = new Worker(ownFile('text/chat-worker.mjs'), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: limits.heapMiB },
    });
    const late = setTimeout(() => end({ error: `it took more than ${limits.durationMs / 1000} s` }), limits.durationMs);
    const end = (reply: ChatWorkerReply): void => {
      clearTimeout(late);
      void worker.terminate();
      resolve(reply);
    };
    worker.once('message', end);
    worker.once('error', ({ message }) => end({ error: message }));
  });
}

/** Some models have several templates by name. */
function templateOf(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  const usual = value.find((entry: Json) => isJsonObject(entry) && entry.name === 'default');
  return isJsonObject(usual) && typeof usual.template === 'string' ? usual.template : undefined;
}

function tokensOf(config: JsonObject): { readonly [name: string]: string } {
  const names = Object.keys(config).filter((name) => name.endsWith('_token'));
  const tokens = names.map((name) => [name, specialToken(config[name])] as const);
  return Object.fromEntries(tokens.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}
