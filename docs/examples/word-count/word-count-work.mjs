import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes `words.json`, the words in alphabetical order with their counts: the same text gives the same bytes.
 * @type {import('quern').StageWork}
 */
export async function countWords({ parameters, sources, outputDirectory, log }) {
  const [file] = sources.text;
  const text = readFileSync(file.path, 'utf8');
  const words = (parameters.fold ? text.toLowerCase() : text).match(/[\p{L}']+/gu) ?? [];
  const counts = new Map();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const sorted = [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
  writeFileSync(join(outputDirectory, 'words.json'), `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
  log(`read ${file.name}`);
  return { metrics: { words: words.length, distinct: counts.size } };
}
