import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { QuernError } from '../errors.js';

/** The ONNX Runtime this code was written for. Results and the C API's table are only known for its patch releases. */
export const supportedVersion = '1.30';

/** Throws a `QuernError` unless the version is a patch release of the supported one. */
export function checkVersion(version: string): void {
  if (version.startsWith(`${supportedVersion}.`)) return;
  throw new QuernError('engine', `ONNX Runtime ${version} is installed, ${supportedVersion} is needed`, {
    suggestion: `install onnxruntime-node ${supportedVersion}.0`,
  });
}

const libraryNames: { readonly [platform: string]: string } = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime.dll',
};

/** Path of the shared library inside the onnxruntime-node package. The file is missing where the package has none. */
export function runtimeLibraryPath(): string {
  const name = libraryNames[process.platform];
  if (name === undefined) throw new QuernError('engine', `ONNX Runtime has no library for ${process.platform}`);
  const manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  return join(dirname(manifest), 'bin', 'napi-v6', process.platform, process.arch, name);
}
