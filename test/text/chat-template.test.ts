import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { type ChatMessage, readChatTemplate, renderChat } from '../../src/text/chat-template.js';
import { withTemporaryDirectory } from '../support/temporary.js';

const conversation: readonly ChatMessage[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Hello' },
];
const template =
  "{{ bos_token }}{% for message in messages %}<{{ message['role'] }}>{{ message.content | trim }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
const config = { bos_token: '<s>', eos_token: { content: '</s>', lstrip: false }, chat_template: template };
const rendered = '<s><system>Be brief.</s><user>Hello</s><assistant>';

function withFiles<T>(files: { readonly [name: string]: string }, use: (directory: string) => Promise<T>): Promise<T> {
  return withTemporaryDirectory(async (directory) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    return use(directory);
  });
}

async function problemOf(source: string): Promise<QuernError> {
  return withFiles({ 'chat_template.jinja': source }, async (directory) => {
    try {
      await renderChat(readChatTemplate(directory)!, conversation);
    } catch (error) {
      if (error instanceof QuernError) return error;
      throw error;
    }
    throw new Error('the template was rendered');
  });
}

test('a conversation is written as the template of the tokenizer says, with its special tokens', () =>
  withFiles({ 'tokenizer_config.json': JSON.stringify(config) }, async (directory) => {
    assert.is(await renderChat(readChatTemplate(directory)!, conversation), rendered);
  }));

test('of several templates the default one counts, and a file of its own more than all of them', async () => {
  const several = [
    { name: 'tool_use', template: 'tools' },
    { name: 'default', template },
  ];
  const files = { 'tokenizer_config.json': JSON.stringify({ ...config, chat_template: several }) };
  await withFiles(files, async (directory) => {
    assert.is(await renderChat(readChatTemplate(directory)!, conversation), rendered);
  });
  await withFiles({ ...files, 'chat_template.jinja': '{{ messages | length }}{{ eos_token }}' }, async (directory) => {
    assert.is(await renderChat(readChatTemplate(directory)!, conversation), '2</s>');
  });
});

test('a model without a template has none', () =>
  withFiles({ 'tokenizer_config.json': JSON.stringify({ eos_token: '</s>' }) }, async (directory) => {
    assert.is(readChatTemplate(directory), undefined);
  }));

test('a template that is broken, refuses a conversation or grows without end is named', async () => {
  assert.match((await problemOf('{% for %}')).message, /chat_template\.jinja: the chat template can't be used: /);
  assert.match((await problemOf("{{ raise_exception('no system messages') }}")).message, /no system messages/);
  assert.match((await problemOf('{% for i in range(1000000000) %}{{ i }}{% endfor %}')).message, /memory|length/i);
});

test.run();
