/**
 * The nearest integer, ties to the even one: what `numpy.rint` and ONNX `Round` compute, and ONNX `QuantizeLinear`
 * rounds with. A float32 value is also a float64 value, so this serves both. NaN, infinities and the sign of zero are
 * kept.
 */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : Math.ceil(value);
}
