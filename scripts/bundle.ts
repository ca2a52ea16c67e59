/**
 * Builds what runs: quern's modules joined into few files, because a command with nothing to do would spend most of its time
 * on opening them one by one. Packages stay files of their own. What entries share goes to the root of `dist`, which
 * `src/own-files.ts` counts on.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const source = join(root, 'src');
const target = join(root, 'dist');

const files = readdirSync(source, { recursive: true, encoding: 'utf8' });
const entries = [
  'cli/main.ts',
  'index.ts',
  // Tests run its work with threads, which don't start with TypeScript.
  'stages/quantize/work.ts',
  // What threads start with, and the modules of their jobs.
  ...files.filter((name) => name.endsWith('.mjs') || name.endsWith('-job.ts')),
];

for (const name of readdirSync(target)) if (name.endsWith('.js')) rmSync(join(target, name));
await build({
  entryPoints: entries.map((name) => join(source, name)),
  outbase: source,
  outdir: target,
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  loader: { '.mjs': 'copy' },
  logLevel: 'warning',
});
