/**
 * The largest sizes that are believed of a model, each several times that of the largest models there are. They bound what
 * a damaged or hostile description can make a program allocate.
 */
export const sizeLimits = {
  vocabularySize: 2 ** 24,
  hiddenSize: 2 ** 20,
  feedForward: 2 ** 22,
  layers: 1000,
  heads: 2 ** 12,
  headSize: 2 ** 14,
  maximumPositions: 2 ** 26,
} as const;
