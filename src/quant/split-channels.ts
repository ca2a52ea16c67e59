import { type Matrix, matrix } from './matrix.js';

/** The share of channels that may have any range: what is split is compared with the largest of the others. */
const outlierShare = 0.01;

/**
 * How many copies each input feature of a layer becomes, so that none does more than `above` times what the hundredth
 * largest does (outlier channel splitting: Zhao et al. 2019, arXiv 1901.09504). What a feature does is the product of its
 * largest activation and its largest weight: scales can move that from one to the other, and only copies make it less.
 *
 * There are never more copies in addition than there are features.
 *
 * @param products one for each feature, not negative
 */
export function copiesOfFeatures(products: Float32Array, above: number): Int32Array {
  const sorted = products.toSorted().reverse();
  const usual = sorted[Math.max(1, Math.floor(sorted.length * outlierShare))] ?? 0;
  const sum = products.reduce((total, product) => total + product, 0);
  const limit = Math.max(above * usual, sum / products.length);
  return Int32Array.from(products, (product) => (usual > 0 ? Math.max(1, Math.ceil(product / limit)) : 1));
}

/** The feature that each copy is one of, in the order of the features. */
export function featuresOfCopies(copies: Int32Array): Int32Array {
  return Int32Array.from([...copies].flatMap((count, feature) => new Array<number>(count).fill(feature)));
}

/**
 * A weight with its rows repeated for the copies, each multiplied by the scale of its feature. Copies of a row differ by
 * parts of a step of int8 with one scale, evenly around 0: rounded, their mean is nearer to the row than one of them is.
 * @param scales one for each feature
 */
export function splitWeight({ values, rows, columns }: Matrix, copies: Int32Array, scales: Float32Array): Matrix {
  const features = featuresOfCopies(copies);
  const split = new Float32Array(features.length * columns);
  let largest = 0;
  for (let index = 0; index < rows * columns; index++) {
    largest = Math.max(largest, Math.abs(values[index]! * scales[Math.floor(index / columns)]!));
  }
  const step = largest / 127;
  let copy = 0;
  for (const [row, feature] of features.entries()) {
    copy = feature === features[row - 1] ? copy + 1 : 0;
    const shift = ((copy + 0.5) / copies[feature]! - 0.5) * step;
    for (let column = 0; column < columns; column++) {
      split[row * columns + column] = values[feature * columns + column]! * scales[feature]! + shift;
    }
  }
  return matrix(split, features.length, columns);
}
