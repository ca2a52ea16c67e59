import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const folder = join(root, 'src/numerics/kernels');

/** The compiler of AssemblyScript. */
export const compiler = join(root, 'node_modules/assemblyscript/bin/asc.js');
/** The file that holds the compiled module. */
export const moduleFile = join(folder, 'compiled-module.ts');

/** Compiles the kernels and returns the source file that holds the module. */
export function compileKernels(): string {
  const directory = mkdtempSync(join(tmpdir(), 'quern-kernels-'));
  try {
    const module = join(directory, 'kernels.wasm');
    const options = ['--runtime', 'stub', '--enable', 'simd', '-O3', '--noAssert', '--initialMemory', '2'];
    const call = [compiler, join(folder, 'assembly/index.ts'), '--outFile', module, ...options];
    const { status, stderr } = spawnSync(process.execPath, call, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the kernels don't compile:\n${stderr}`);
    return moduleSource(readFileSync(module));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function moduleSource(module: Buffer): string {
  return `/** The kernels in \`assembly\`, compiled by \`npm run kernels\`: a WebAssembly module in base64. */
export const compiledModule =
  '${module.toString('base64')}';
`;
}

if (process.argv[1] === import.meta.filename) writeFileSync(moduleFile, compileKernels());
