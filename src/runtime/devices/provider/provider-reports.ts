import { QuernError } from '../../../errors.js';
import type { Engine } from '../../../ort/engine.js';
import { type BuiltInProvider, builtInProviders } from '../../../ort/execution-provider.js';
import { openEngine } from '../../../ort/open-engine.js';
import { describeProvider, openProviderDevice, providerDeviceName } from './provider-device.js';

/** A provider as `quern devices` lists it. It has no tables: what it takes is known when it has tried a model's operators. */
export interface ProviderReport {
  readonly name: string;
  readonly description: string;
  readonly usable: boolean;
  readonly reason?: string;
  readonly flows: readonly [];
  readonly shapes: readonly [];
}

/** The provider of a device's name: `ep:webgpu`. */
export function providerNamed(name: string | undefined): BuiltInProvider | undefined {
  return builtInProviders.find((builtIn) => providerDeviceName({ builtIn }) === name);
}

/** Tries providers that are part of ONNX Runtime with a small product each. */
export async function providerReports(providers: readonly BuiltInProvider[]): Promise<readonly ProviderReport[]> {
  const engine = await openEngine({ threads: 1 });
  try {
    return providers.map((builtIn) => {
      const reason = reasonAgainst(engine, builtIn);
      return {
        name: providerDeviceName({ builtIn }),
        description: describeProvider({ builtIn }),
        usable: reason === undefined,
        ...(reason === undefined ? {} : { reason }),
        flows: [],
        shapes: [],
      };
    });
  } finally {
    engine.close();
  }
}

function reasonAgainst(engine: Engine, builtIn: BuiltInProvider): string | undefined {
  try {
    openProviderDevice(engine, { builtIn }).close();
    return undefined;
  } catch (error) {
    if (!(error instanceof QuernError)) throw error;
    return error.message.replace(`${providerDeviceName({ builtIn })} can't be used: `, '');
  }
}
