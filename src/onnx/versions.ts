/** The versions that ONNX Runtime 1.30 loads. */
export const newestOpset = 26;
export const newestIrVersion = 13;

/** IR versions by the newest opset of `ai.onnx` that came with them (`VERSION_TABLE` of onnx/helper.py). */
const irVersions: readonly { readonly upToOpset: number; readonly irVersion: number }[] = [
  { upToOpset: 22, irVersion: 10 },
  { upToOpset: 23, irVersion: 11 },
  { upToOpset: 24, irVersion: 12 },
];

/** The lowest IR version from 10 on that goes with an opset of `ai.onnx`. */
export function irVersionOfOpset(opset: number): number {
  return irVersions.find(({ upToOpset }) => opset <= upToOpset)?.irVersion ?? newestIrVersion;
}
