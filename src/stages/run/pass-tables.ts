import type { ProfileRow } from '../../runtime/operator-profile.js';
import type { Placement } from '../../runtime/placement.js';
import { type PassPlacement, placementAt } from '../../runtime/placement-shapes.js';

/** An operator in passes over a number of tokens: where it ran, why, and what it took. */
export interface PassOperator {
  readonly operator: string;
  readonly type: string;
  readonly device: string;
  readonly reason: string;
  /** Of a product with weights. */
  readonly shape?: { readonly m: number; readonly k: number; readonly n: number };
  readonly macs: number;
  /** Missing on the CPU where nothing was profiled. */
  readonly bytes?: number;
  /** There where the pass was profiled. */
  readonly measured?: { readonly timeMs: number; readonly share: number };
  /** Of a simulated NPU. */
  readonly modelledMs?: number;
}

/** All operators of passes over a number of tokens. */
export interface PassTable extends Omit<PassPlacement, 'operators'> {
  readonly macs: number;
  readonly operators: readonly PassOperator[];
}

/** The passes of a run, the one token of a decoding step first. Those that were profiled have measured times. */
export function passTables(
  placement: Placement,
  passTokens: readonly number[],
  profile: readonly ProfileRow[] = [],
): readonly PassTable[] {
  const lengths = new Set([...passTokens, ...profile.map(({ tokens }) => tokens)]);
  return [...lengths]
    .sort((a, b) => a - b)
    .map((tokens) => {
      const { npuCoverage, offloadedOperators, operators } = placementAt(placement, tokens);
      const profiled = profile.filter((row) => row.tokens === tokens);
      const macs = placement.rows.reduce((sum, { macsPerToken }) => sum + macsPerToken, 0) * tokens;
      const rows = profiled.length > 0 ? profiled.map(measuredOperator) : placedOperators(placement, tokens, operators);
      return { tokens, npuCoverage, offloadedOperators, macs, operators: rows };
    });
}

function measuredOperator({ tokens, timeMs, share, ...row }: ProfileRow): PassOperator {
  return { ...row, measured: { timeMs, share } };
}

function placedOperators(
  { rows, offloaded }: Placement,
  tokens: number,
  shapes: PassPlacement['operators'],
): readonly PassOperator[] {
  const taken = new Map([...offloaded.values()].map(({ row }, index) => [row, shapes[index]]));
  return rows.map((row) => {
    const { operator, type, reason, shape } = row;
    const { device = row.device, bytes = 0, modelledUs } = taken.get(row) ?? {};
    const why = device === row.device ? reason : `chosen by ${row.device}`;
    return {
      ...{ operator, type, device, reason: why, macs: row.macsPerToken * tokens },
      ...(shape === undefined ? {} : { shape: { m: tokens, ...shape } }),
      ...(bytes === 0 ? {} : { bytes }),
      ...(modelledUs === undefined ? {} : { modelledMs: modelledUs / 1000 }),
    };
  });
}

/** What passes over so many tokens do. */
export function passName(tokens: number): string {
  return tokens === 1 ? 'one token (decode)' : `${tokens} tokens (prefill)`;
}
