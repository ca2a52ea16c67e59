/** How numbers are written for people. Missing values become `?`. */

const thousands = ['', ' k', ' M', ' G', ' T'] as const;
const binary = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

function scaled(value: number, step: number): { mantissa: string; power: number } {
  let power = 0;
  let rest = value;
  while (Math.abs(rest) >= step && power < 4) {
    rest /= step;
    power++;
  }
  return { mantissa: power === 0 ? String(rest) : rest.toFixed(rest < 10 ? 2 : 1), power };
}

/** A count in steps of 1,000: `4.34 M`. */
export function formatCount(value: unknown): string {
  if (typeof value !== 'number') return '?';
  const { mantissa, power } = scaled(value, 1000);
  return `${mantissa}${thousands[power]}`;
}

/** Bytes in steps of 1,024: `16.6 MiB`. */
export function formatBytes(value: unknown): string {
  if (typeof value !== 'number') return '?';
  const { mantissa, power } = scaled(value, 1024);
  return `${mantissa} ${binary[power]}`;
}

/** A duration given in milliseconds: `0.31 s`, `13.9 s`, `4 min 12 s`. */
export function formatDuration(durationMs: unknown): string {
  if (typeof durationMs !== 'number') return '?';
  const seconds = durationMs / 1000;
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** How long ago something was, roughly: `5 s`, `12 min`, `3 h`, `40 d`. */
export function formatAge(ageMs: number): string {
  const seconds = Math.max(0, Math.round(ageMs / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 100 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** A fraction as a percentage with a sign where it is a change: `+0.05%`. */
export function formatPercent(fraction: unknown, options: { signed?: boolean } = {}): string {
  if (typeof fraction !== 'number') return '?';
  const sign = options.signed && fraction >= 0 ? '+' : '';
  return `${sign}${(fraction * 100).toFixed(2)}%`;
}

/** A number with a sensible amount of digits: `96.598`, `8.1e-7`. */
export function formatNumber(value: unknown): string {
  if (typeof value !== 'number') return '?';
  if (value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e6)) return String(Number(value.toPrecision(5)));
  return value.toExponential(1);
}
