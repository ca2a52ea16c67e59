import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Parts {
  readonly words: readonly string[];
  readonly spaces: readonly string[];
  readonly ranges: readonly (readonly [first: number, last: number])[];
  readonly texts: readonly string[];
}

/** The generator of golden/make.py. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(count: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return (this.#state >>> 8) % count;
  }

  pick<T>(items: ArrayLike<T>): T {
    return items[this.below(items.length)] as T;
  }

  repeat(count: number, make: () => string): string {
    return Array.from({ length: count }, make).join('');
  }
}

function segment(random: Random, { words, spaces, ranges, texts }: Parts): string {
  switch (random.below(10)) {
    case 0: {
      const chosen = Array.from({ length: 3 + random.below(10) }, () => random.pick(words));
      return chosen.join(' ') + random.pick([' ', '. ', ', ']);
    }
    case 1: {
      const digits = random.repeat(1 + random.below(9), () => random.pick('0123456789'));
      return digits + random.pick(['', '.', ',', ' ', '%']);
    }
    case 2: {
      const space = random.pick(spaces);
      return space.repeat(1 + random.below(5));
    }
    case 3: {
      const [first, last] = random.pick(ranges);
      return random.repeat(1 + random.below(12), () => String.fromCodePoint(first + random.below(last - first + 1)));
    }
    case 4:
      return random.repeat(1 + random.below(5), () => random.pick('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'));
    case 5: {
      const character = random.pick('aZ0-_=. ');
      return character.repeat(1 + random.below(40));
    }
    default:
      return random.pick(texts);
  }
}

/** Text of many scripts, numbers, code, spaces and special tokens: the one that golden/make.py makes. */
export function mixedText(sizeBytes: number): string {
  const parts: Parts = JSON.parse(readFileSync(join(import.meta.dirname, 'golden/parts.json'), 'utf8'));
  const random = new Random(2026);
  const segments: string[] = [];
  for (let rest = sizeBytes; rest > 0; ) {
    const text = segment(random, parts);
    segments.push(text);
    rest -= Buffer.byteLength(text);
  }
  return `${segments.join('')}end`;
}
