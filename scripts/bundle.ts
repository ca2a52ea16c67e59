/**
 * Builds what runs: quern's modules joined into few files, because a command with nothing to do would spend most of its time
 * on opening them one by one. Of the packages two are joined too, which are 72 and 66 files otherwise: `yaml`, which every
 * command needs, and `@bufbuild/protobuf`, which every action needs. Their licences go with them. What entries share goes to
 * the root of `dist`, which `src/own-files.ts` counts on.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '..');
const source = join(root, 'src');
const target = join(root, 'dist');
const { dependencies }: { dependencies: object } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const files = readdirSync(source, { recursive: true, encoding: 'utf8' });
const entries = [
  'cli/main.ts',
  'index.ts',
  // Tests run its work with threads, which don't start with TypeScript.
  'stages/quantize/work.ts',
  // What threads start with, and the modules of their jobs.
  ...files.filter((name) => name.endsWith('.mjs') || name.endsWith('-job.ts')),
];

/** The package's modules for browsers: the same, without `require`. */
const yaml: Plugin = {
  name: 'yaml',
  setup({ onResolve, onLoad }) {
    const directory = join(root, 'node_modules/yaml');
    const entry = join(directory, 'browser/index.js');
    onResolve({ filter: /^yaml$/ }, () => ({ path: entry, sideEffects: false }));
    onLoad({ filter: /[\\/]yaml[\\/]browser[\\/]index\.js$/ }, async () => {
      const licence = await readFile(join(directory, 'LICENSE'), 'utf8');
      return { contents: `/*! yaml\n${licence}*/\n${await readFile(entry, 'utf8')}`, loader: 'js' };
    });
  },
};

/** Each module begins with its licence, which is marked as such here, so that it is not left out. */
const protobuf: Plugin = {
  name: 'protobuf',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]@bufbuild[\\/]protobuf[\\/]dist[\\/]esm[\\/].*\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const [licence = ''] = /^(\/\/.*\n)+/.exec(text) ?? [];
      return { contents: `/*! @bufbuild/protobuf\n${licence.replaceAll(/^\/\/ ?/gm, '')}*/\n${text}`, loader: 'js' };
    });
  },
};
const joined = ['yaml', '@bufbuild/protobuf'];

for (const name of readdirSync(target)) if (name.endsWith('.js')) rmSync(join(target, name));
await build({
  entryPoints: entries.map((name) => join(source, name)),
  outbase: source,
  outdir: target,
  bundle: true,
  splitting: true,
  external: Object.keys(dependencies).filter((name) => !joined.includes(name)),
  plugins: [yaml, protobuf],
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  loader: { '.mjs': 'copy' },
  logLevel: 'warning',
});
