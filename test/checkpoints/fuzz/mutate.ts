import type { Random } from './random.js';

/** Makes a hostile file out of a good one. */
type Mutation = (bytes: Buffer, random: Random) => Buffer;

/** Sizes and counts at which readers tend to break. */
const forgedNumbers = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0xffffn,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 40n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** Pickles that import `os` in the ways there are, and others that grow. */
const hostilePickles = [
  'cos\nsystem\n\u008c\u0012touch quern-fuzz-hit\u0085R',
  'cposix\nsystem\nX\u0012\0\0\0touch quern-fuzz-hit\u0085R',
  '\u008c\u0002os\u008c\u0006system\u0093\u008c\u0012touch quern-fuzz-hit\u0085R',
  '(cbuiltins\neval\n\u008c\u0001x',
  '(ios\nsystem\n',
  'c__builtin__\nexec\n)\u0081',
  'ctorch\nload\n)R',
  'ccollections\nOrderedDict\n)R}b',
  ']q\0h\0h\0h\0e',
  '(((((((((((((((((',
  '2222222222222222',
  '\u0095\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f',
  '\u008e\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f',
  '\u008b\u00ff\u00ff\u00ff\u007f',
];

const paths = ['../../canary', '/etc/passwd', '..\\..\\canary', './../canary', 'C:\\canary', '../canary\0', '.', ''];

const jsonValues = [
  '1e999',
  '-1',
  '0',
  '4294967296',
  '9007199254740993',
  'null',
  '[]',
  '{}',
  '""',
  'true',
  '"x"',
  `${'['.repeat(3000)}${']'.repeat(3000)}`,
];

function cut(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, random.below(bytes.length + 1));
}

function flipBits(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  for (let count = random.below(8) + 1; count > 0 && changed.length > 0; count--) {
    const place = random.below(changed.length);
    changed.writeUInt8(changed.readUInt8(place) ^ (1 << random.below(8)), place);
  }
  return changed;
}

function forgeNumber(bytes: Buffer, random: Random): Buffer {
  const width = random.pick([1, 2, 4, 8]);
  if (bytes.length < width) return bytes;
  const changed = Buffer.from(bytes);
  const forged = Buffer.alloc(8);
  forged.writeBigUInt64LE(random.pick([...forgedNumbers, BigInt(bytes.length), BigInt(bytes.length + 1)]));
  // What is at the beginning and at the end is what describes the rest.
  const near = Math.min(bytes.length - width + 1, 256);
  const place = random.pick([
    random.below(near),
    bytes.length - width - random.below(near),
    random.below(bytes.length - width + 1),
  ]);
  forged.copy(changed, place, 0, width);
  return changed;
}

function splice(bytes: Buffer, random: Random): Buffer {
  const start = random.below(bytes.length + 1);
  const length = random.below(Math.min(bytes.length - start, 64) + 1);
  const target = random.below(bytes.length + 1);
  const piece = bytes.subarray(start, start + length);
  return Buffer.concat([
    bytes.subarray(0, target),
    ...Array.from({ length: random.below(4) }, () => piece),
    bytes.subarray(target),
  ]);
}

function remove(bytes: Buffer, random: Random): Buffer {
  const start = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + random.below(64))]);
}

/** Puts `text` over bytes or, where that does not move the parts of an archive, between them, at a random place or where one of `openings` is. */
function place(bytes: Buffer, text: string, random: Random, openings: readonly string[]): Buffer {
  const opening = bytes.indexOf(Buffer.from(random.pick(openings), 'latin1'), random.below(bytes.length + 1));
  const start = opening >= 0 && random.below(4) > 0 ? opening : random.below(bytes.length + 1);
  const added = Buffer.from(text, 'latin1');
  const isArchive = bytes.subarray(0, 2).toString('latin1') === 'PK';
  const skipped = isArchive || random.below(2) === 0 ? added.length : 0;
  return Buffer.concat([bytes.subarray(0, start), added, bytes.subarray(start + skipped)]);
}

/** Operations that import `os`, behind the start of a pickle, at the end of a tensor or anywhere. */
function injectPickle(bytes: Buffer, random: Random): Buffer {
  return place(bytes, random.pick(hostilePickles), random, ['ccollections', 'ctorch', 'R', 'q']);
}

/** A path out of the directory in the place of a text that ends like a file name or is in quotes. */
function injectPath(bytes: Buffer, random: Random): Buffer {
  const text = bytes.toString('latin1');
  const names = [...text.matchAll(/[\w./-]+\.(?:safetensors|bin|data)|(?<=")[\w./-]+(?=")|weights\/[\w.%-]+/g)];
  if (names.length === 0) return flipBits(bytes, random);
  const name = random.pick(names);
  const path = random.pick(paths);
  // In binary files the length in front of a text must stay right for the path to be seen at all.
  const fitted = random.below(2) === 0 ? path : `${'../'.repeat(40)}canary`.slice(-name[0].length);
  const end = name.index + name[0].length;
  return Buffer.from(text.slice(0, name.index) + fitted + text.slice(end), 'latin1');
}

function injectJson(bytes: Buffer, random: Random): Buffer {
  const text = bytes.toString('latin1');
  const values = [...text.matchAll(/(?<=[:,[]\s*)(?:-?\d[\d.e+-]*|"[^"]*"|true|false|null)(?!\s*:)/g)];
  if (values.length === 0) return flipBits(bytes, random);
  const value = random.pick(values);
  const end = value.index + value[0].length;
  return Buffer.from(text.slice(0, value.index) + random.pick(jsonValues) + text.slice(end), 'latin1');
}

/** Marks entries of a ZIP archive as compressed and makes their sizes huge, as in an archive that grows when unpacked. */
function forgeZip(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  let entry = changed.indexOf(Buffer.from('PK\u0001\u0002', 'latin1'));
  if (entry < 0) return forgeNumber(bytes, random);
  for (
    ;
    entry >= 0 && entry + 46 <= changed.length;
    entry = changed.indexOf(Buffer.from('PK\u0001\u0002', 'latin1'), entry + 4)
  ) {
    if (random.below(2) === 0) continue;
    changed.writeUInt16LE(random.pick([0, 8, 12, 99]), entry + 10);
    changed.writeUInt32LE(
      random.pick([0, 1, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff]),
      entry + random.pick([20, 24, 42]),
    );
  }
  return changed;
}

/** Changes the JSON header of a safetensors file and keeps the length in front of it right. */
function injectHeader(bytes: Buffer, random: Random): Buffer {
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header = random.pick([injectJson, injectPath, flipBits])(bytes.subarray(8, end), random);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, bytes.subarray(end)]);
}

/** What may be done to files of any kind. */
const general: readonly Mutation[] = [cut, flipBits, forgeNumber, splice, remove];

/** What goes deeper into files of one kind. */
const special: readonly (readonly [name: RegExp, mutations: readonly Mutation[]])[] = [
  [/\.json$/, [injectJson, injectJson, injectPath]],
  [/\.safetensors$/, [injectHeader]],
  [/\.bin$/, [injectPickle, forgeZip, forgeNumber, flipBits]],
  [/\.gguf$/, [forgeNumber, flipBits, forgeNumber]],
  [/\.onnx$/, [injectPath, forgeNumber, flipBits]],
];

/** A hostile file made of a good one: mostly by one change, so that readers get far into it. */
export function makeHostile(name: string, good: Buffer, random: Random): Buffer {
  const [, own = general] = special.find(([pattern]) => pattern.test(name)) ?? [];
  let bytes = random.pick(random.below(3) > 0 ? own : general)(good, random);
  while (random.below(4) === 0) bytes = random.pick(general)(bytes, random);
  return bytes;
}
