/** How people write sizes and times: `20GiB`, `500 MB`, `30d`. */

const bytesOf: { readonly [unit: string]: number | undefined } = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

const millisecondsOf: { readonly [unit: string]: number | undefined } = {
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** Bytes of a size such as `20GiB`, `1.5 TB` or `0`; `undefined` for anything else. */
export function parseSizeBytes(text: string): number | undefined {
  return text === '0' ? 0 : parseQuantity(text, bytesOf);
}

/** Milliseconds of a time such as `30d`, `12h`, `90 min` or `0`; `undefined` for anything else. */
export function parseDurationMs(text: string): number | undefined {
  return text === '0' ? 0 : parseQuantity(text, millisecondsOf);
}

function parseQuantity(text: string, units: { readonly [unit: string]: number | undefined }): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([a-z]+)$/i.exec(text.trim()) ?? [];
  const factor =
    unit === undefined || !Object.hasOwn(units, unit.toLowerCase()) ? undefined : units[unit.toLowerCase()];
  const value = factor === undefined ? Number.NaN : Math.round(Number(number) * factor);
  return Number.isSafeInteger(value) ? value : undefined;
}
