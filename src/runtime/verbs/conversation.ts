import { QuernError } from '../../errors.js';
import { type ChatMessage, type ChatTemplate, readChatTemplate, renderChat } from '../../text/chat-template.js';
import type { Prompt } from './text-generator.js';

/** Where the prompts of a model come from: each by itself, or one after the other in a conversation. */
export interface Conversation {
  /** The prompt with which the model answers a text. */
  ask(text: string): Promise<Prompt>;
  /** Told the answer to the last prompt. */
  answered(text: string): void;
  /** Forgets everything said so far. Returns whether there was anything. */
  restart(): boolean;
}

export interface ConversationOptions {
  /** `undefined`: with the model's template if it has one. */
  readonly chat: boolean | undefined;
  /** What the model is told before everything else. */
  readonly system: string | undefined;
}

/**
 * @param directory of a model
 * @throws QuernError (`usage`) if a template is asked for, or a system message given, and there is no template
 */
export function openConversation(directory: string, { chat, system }: ConversationOptions): Conversation {
  const template = chat === false ? undefined : readChatTemplate(directory);
  if (template !== undefined) return new TemplateConversation(template, system);
  if (chat !== true && system === undefined) return unrelatedPrompts;
  const reason = chat === false ? 'there is no conversation with --no-chat' : 'the model has no chat template';
  throw new QuernError('usage', reason, {
    suggestion: system === undefined ? 'leave out --chat' : 'leave out --system, and say it in the prompt',
  });
}

/** Prompts that know nothing of each other and are given to the model as they stand. */
const unrelatedPrompts: Conversation = {
  ask: async (text) => ({ text, special: true }),
  answered: () => {},
  restart: () => false,
};

class TemplateConversation implements Conversation {
  readonly #template: ChatTemplate;
  readonly #start: readonly ChatMessage[];
  #messages: readonly ChatMessage[];

  constructor(template: ChatTemplate, system: string | undefined) {
    this.#template = template;
    this.#start = system === undefined ? [] : [{ role: 'system', content: system }];
    this.#messages = this.#start;
  }

  async ask(text: string): Promise<Prompt> {
    this.#messages = [...this.#messages, { role: 'user', content: text }];
    return { text: await renderChat(this.#template, this.#messages), special: false };
  }

  answered(text: string): void {
    this.#messages = [...this.#messages, { role: 'assistant', content: text }];
  }

  restart(): boolean {
    const hadAnswers = this.#messages.some(({ role }) => role === 'assistant');
    this.#messages = this.#start;
    return hadAnswers;
  }
}
