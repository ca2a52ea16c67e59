import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform } from 'node:os';
import type { JsonObject } from '../json.js';
import type { StageKind } from '../stages/kind.js';

const packages = { onnxruntime: 'onnxruntime-node/package.json' } as const;

/** Versions of the engines that a kind says change its bytes. Nothing is loaded for it. */
export function engineVersions(kind: StageKind): { readonly [name: string]: string } {
  const require = createRequire(import.meta.url);
  const versions = (kind.engines ?? []).map((name) => {
    const manifest: unknown = JSON.parse(readFileSync(require.resolve(packages[name]), 'utf8'));
    return [name, String(Object(manifest).version)] as const;
  });
  return Object.fromEntries(versions);
}

/** What measured times depend on: part of the key of kinds that measure. */
export function hardwareFingerprint(): JsonObject {
  return {
    platform: platform(),
    architecture: arch(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
  };
}
