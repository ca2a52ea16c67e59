import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const source = join(import.meta.dirname, '../src');

/** For each room, the rooms it may import besides itself and the files directly in `src`. */
const allowed: { readonly [room: string]: readonly string[] } = {
  cli: ['build', 'hub', 'inspect', 'recipe', 'report', 'runtime', 'stages', 'store'],
  inspect: ['checkpoints', 'files', 'models', 'onnx', 'ort'],
  library: ['build', 'recipe', 'stages', 'store'],
  report: ['build', 'checkpoints', 'models', 'numerics', 'onnx', 'store'],
  recipe: ['stages'],
  build: ['files', 'hub', 'recipe', 'stages', 'store'],
  store: [],
  hub: ['files', 'store'],
  stages: ['checkpoints', 'models', 'numerics', 'onnx', 'ort', 'quant', 'runtime', 'text'],
  runtime: ['models', 'numerics', 'onnx', 'ort', 'text'],
  models: ['checkpoints', 'files', 'numerics', 'onnx', 'ort', 'quant', 'text'],
  checkpoints: ['files', 'numerics'],
  text: ['files'],
  onnx: [],
  ort: [],
  quant: ['numerics'],
  numerics: [],
  files: [],
};

/** Of a room that others may know only in part: the files they may know. */
const onlyThese: { readonly [importer: string]: { readonly [room: string]: RegExp } } = {
  recipe: { stages: /^stages\/kind\.ts$/ },
  build: { hub: /^hub\/(hub-sources|reference|remote-source|settings)\.ts$/, stages: /^stages\/(kind|kinds)\.ts$/ },
  library: { stages: /^stages\/(kind|kinds)\.ts$/ },
  report: {
    build: /^build\/(action|differences|events|runs)\.ts$/,
    store: /^store\/(digest|directory-files|export-marker|tree|tree-path)\.ts$/,
  },
  hub: { store: /^store\/locked-file\.ts$/ },
  cli: { stages: /^stages\/(kind|kinds)\.ts$/, runtime: /^runtime\/(devices|verbs)\// },
};

interface Import {
  readonly from: string;
  readonly to: string;
}

function imports(): Import[] {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return files.flatMap((from) => {
    const text = readFileSync(join(source, from), 'utf8');
    const targets = [...text.matchAll(/(?:from|import)\s*\(?'(\.{1,2}\/[^']+)\.js'/g)].map(
      ([, target]) => target ?? '',
    );
    return targets.map((target) => ({ from, to: `${relative(source, join(source, dirname(from), target))}.ts` }));
  });
}

function roomOf(path: string): string | undefined {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : undefined;
}

test('imports go one way between the rooms', () => {
  const wrong = imports().filter(({ from, to }) => {
    const importer = roomOf(from);
    const room = roomOf(to);
    if (importer === undefined || room === undefined || importer === room) return false;
    const mayKnow = allowed[importer]?.includes(room) === true;
    const part = onlyThese[importer]?.[room];
    return !mayKnow || (part !== undefined && !part.test(to));
  });
  assert.equal(wrong, []);
});

test('every room has its rules', () => {
  const rooms = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.equal(
    rooms.map(({ name }) => name).filter((name) => allowed[name] === undefined),
    [],
  );
});

test('files directly in src import no room', () => {
  const wrong = imports().filter(
    ({ from, to }) => roomOf(from) === undefined && roomOf(to) !== undefined && from !== 'index.ts',
  );
  assert.equal(wrong, []);
});

test.run();
