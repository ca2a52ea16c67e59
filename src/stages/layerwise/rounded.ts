/** An error with four digits: more depend on the processor. */
export function rounded(error: number): number {
  return Number(error.toPrecision(4));
}
