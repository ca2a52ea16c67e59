function endOfString(text: string, start: number): number {
  let index = start + 1;
  while (index < text.length && text[index] !== '"') index += text[index] === '\\' ? 2 : 1;
  return index + 1;
}

function skipSpace(text: string, start: number): number {
  let index = start;
  while (' \t\n\r'.includes(text[index] ?? '.')) index++;
  return index;
}

/**
 * The first member name that some object of a JSON text has twice, or `undefined`. `JSON.parse` keeps the last of them
 * without a word, so that two readers of the same file may see different tensors. The text must be valid JSON.
 */
export function findDuplicateKey(text: string): string | undefined {
  const keysOfOpenObjects: Set<string>[] = [];
  let index = 0;
  while (index < text.length) {
    const character = text[index];
    if (character === '{') keysOfOpenObjects.push(new Set());
    if (character === '}') keysOfOpenObjects.pop();
    if (character !== '"') {
      index++;
      continue;
    }
    const end = endOfString(text, index);
    if (text[skipSpace(text, end)] === ':') {
      const key = String(JSON.parse(text.slice(index, end)));
      const keys = keysOfOpenObjects.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
    index = end;
  }
  return undefined;
}
