import type { JSONSchema } from 'json-schema-to-ts';
import type { Json, JsonObject } from '../../json.js';
import { isJsonObject } from '../../json.js';
import { builtInProviders, hardwareTypes } from '../../ort/execution-provider.js';
import { npuNames } from '../../runtime/devices/names.js';
import type { DeviceSpec } from '../../runtime/devices/spec.js';
import type { SourceFile, SourceRequest } from '../kind.js';

const providerOptions = {
  type: 'object',
  additionalProperties: { type: 'string' },
  description: 'Options of the provider; their names and meanings are those of its vendor',
} as const satisfies JSONSchema;

const providerLibrary = {
  type: 'object',
  description: "An execution provider in a library of its vendor's",
  properties: {
    library: { type: 'string', minLength: 1, description: 'Path of the library' },
    name: { type: 'string', minLength: 1, description: 'Name to register it under' },
    hardware: { enum: hardwareTypes, description: 'Which of its devices; by default an NPU, else a GPU, else the CPU' },
    options: providerOptions,
  },
  required: ['library', 'name'],
  additionalProperties: false,
} as const satisfies JSONSchema;

/** JSON Schema of the parameter `devices`. */
export const devicesSchema = {
  type: 'array',
  minItems: 1,
  default: ['cpu'],
  description: 'In order of preference; the CPU takes what no other device supports',
  items: {
    anyOf: [
      { enum: ['cpu'] },
      {
        type: 'object',
        properties: {
          npu: { enum: npuNames, description: 'A simulated NPU' },
          bf16: { type: 'boolean', description: 'Runs float operators there too, rounded to bfloat16' },
          legacy: { enum: ['int16'], description: "Narrows w8a8 accumulators to int16, as AMD's first overlays do" },
          requantizeScale: {
            enum: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
            description: 'With `legacy`: what accumulators are divided by before they are narrowed; 128 by default',
          },
        },
        required: ['npu'],
        additionalProperties: false,
      },
      {
        type: 'object',
        properties: {
          ep: {
            description: 'An execution provider of ONNX Runtime',
            anyOf: [{ enum: builtInProviders }, providerLibrary],
          },
          options: { ...providerOptions, description: 'Options of a provider that is part of ONNX Runtime' },
        },
        required: ['ep'],
        additionalProperties: false,
      },
      {
        type: 'object',
        properties: {
          plugin: {
            type: 'string',
            minLength: 1,
            description: 'Path of a module that drives a device: docs/devices.md',
          },
          timeoutMs: {
            type: 'integer',
            minimum: 1,
            description: 'Longest time of one call of the driver, 30,000 by default; then the CPU goes on without it',
          },
        },
        required: ['plugin'],
        additionalProperties: false,
      },
    ],
  },
} as const satisfies JSONSchema;

/** The files that devices are loaded from: drivers, and libraries of providers. */
export function deviceSources({ devices }: JsonObject): readonly SourceRequest[] {
  if (!Array.isArray(devices)) return [];
  return devices.flatMap((device, index) => {
    const at = (...rest: string[]): readonly string[] => ['devices', String(index), ...rest];
    if (!isJsonObject(device)) return [];
    if (typeof device.plugin === 'string') return [{ pointer: at('plugin'), path: device.plugin }];
    const { ep } = device;
    if (!isJsonObject(ep) || typeof ep.library !== 'string') return [];
    return [{ pointer: at('ep', 'library'), path: ep.library }];
  });
}

/** The devices of validated parameters, with the paths of their files as sources have them. */
export function deviceSpecs(
  devices: readonly Json[],
  sources: { readonly [pointer: string]: readonly SourceFile[] },
): readonly DeviceSpec[] {
  return (devices as unknown as readonly DeviceSpec[]).map((spec, index) => {
    if (spec === 'cpu' || 'npu' in spec) return spec;
    if ('plugin' in spec) return { ...spec, plugin: pathOf(sources, `devices.${index}.plugin`) };
    if (typeof spec.ep === 'string') return spec;
    return { ...spec, ep: { ...spec.ep, library: pathOf(sources, `devices.${index}.ep.library`) } };
  });
}

/** Whether `devices` are what they are when a recipe doesn't name them. */
export function isDefaultDevices(devices: Json | undefined): boolean {
  return devices === undefined || (Array.isArray(devices) && devices.length === 1 && devices[0] === 'cpu');
}

/** Problems that the schema can't express. */
export function deviceProblems({ devices }: JsonObject): { pointer: readonly string[]; message: string }[] {
  if (!Array.isArray(devices)) return [];
  return devices.flatMap((device, index) => {
    if (!isJsonObject(device)) return [];
    const pointer = ['devices', String(index)];
    if (isJsonObject(device.ep) && device.options !== undefined) {
      return [{ pointer: [...pointer, 'options'], message: 'the options of a library stand inside `ep`' }];
    }
    if (device.requantizeScale !== undefined && device.legacy === undefined) {
      return [{ pointer: [...pointer, 'requantizeScale'], message: '`requantizeScale` is of `legacy: int16`' }];
    }
    return [];
  });
}

function pathOf(sources: { readonly [pointer: string]: readonly SourceFile[] }, pointer: string): string {
  const path = sources[pointer]?.[0]?.path;
  if (path === undefined) throw new Error(`there is no source ${pointer}`);
  return path;
}
