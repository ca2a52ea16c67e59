import { QuernError } from '../../errors.js';
import { mean } from '../../runtime/averages.js';
import type { TokenWindows } from '../../text/windows.js';
import type { WindowResult } from './evaluator.js';

/** A type and not an interface, so that it is JSON. */
export type PerplexityMetrics = {
  /** exp of the mean loss of the windows. */
  readonly perplexity: number;
  /** Predicted tokens. */
  readonly tokens: number;
  readonly windows: number;
  readonly length: number;
  readonly referencePerplexity?: number;
  /** A fraction. */
  readonly perplexityIncrease?: number;
  /** Mean Kullback-Leibler divergence from the reference per position, in nats. */
  readonly klDivergence?: number;
  /** Share of the positions at which both prefer the same token. */
  readonly top1Agreement?: number;
};

/** @throws QuernError (`stage`) if the perplexity is not finite */
export function perplexityOf(results: readonly WindowResult[], windows: TokenWindows): PerplexityMetrics {
  const perplexity = Math.exp(mean(results.map(({ loss }) => loss)));
  const facts = {
    perplexity,
    tokens: windows.count * (windows.length - 1),
    windows: windows.count,
    length: windows.length,
  };
  if (!Number.isFinite(perplexity)) {
    throw new QuernError(
      'stage',
      `the perplexity is ${perplexity}: the model's logits are not finite or hopelessly wrong`,
    );
  }
  const compared = results.flatMap(({ comparison }) => comparison ?? []);
  if (compared.length === 0) return facts;
  const referencePerplexity = Math.exp(mean(results.map(({ referenceLoss }) => referenceLoss ?? Number.NaN)));
  return {
    ...facts,
    referencePerplexity,
    perplexityIncrease: perplexity / referencePerplexity - 1,
    klDivergence: mean(compared.map(({ divergence }) => divergence)) / windows.length,
    top1Agreement: mean(compared.map(({ agreement }) => agreement)) / windows.length,
  };
}

/** Losses of one window, in nats. A type and not an interface, so that it is JSON. */
export type WindowLosses = Pick<WindowResult, 'loss' | 'referenceLoss'>;

/** What of the windows stands in a report. */
export function windowLosses(results: readonly WindowResult[]): readonly WindowLosses[] {
  return results.map(({ loss, referenceLoss }) => ({
    loss,
    ...(referenceLoss === undefined ? {} : { referenceLoss }),
  }));
}

/** What of a data set stands in a report. */
export function windowFacts({ count, length, stride }: TokenWindows): {
  readonly windows: number;
  readonly length: number;
  readonly stride: number;
} {
  return { windows: count, length, stride };
}
