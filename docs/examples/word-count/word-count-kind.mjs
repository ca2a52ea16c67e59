import { defineStageKind } from 'quern';

/** Counts how often each word of a text occurs. Importing this is cheap: the work is loaded when a stage runs. */
const wordCount = defineStageKind({
  name: 'word-count',
  version: 1,
  summary: 'Counts the words of a text',
  produces: 'report',
  parameters: {
    type: 'object',
    properties: {
      text: { type: 'string', minLength: 1, description: 'A file of UTF-8 text' },
      fold: { type: 'boolean', default: false, description: 'Upper and lower case are the same' },
    },
    required: ['text'],
    additionalProperties: false,
  },
  inputs: {},
  cores: 'one',
  sources: ({ text }) => [{ pointer: ['text'], path: String(text) }],
  headline: ({ words, distinct }) => `${words} words, ${distinct} of them different`,
  load: async () => (await import('./word-count-work.mjs')).countWords,
});

export const kinds = [wordCount];
