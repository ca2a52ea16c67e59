/** Names longer than this are never close to a name somebody meant to type. */
const longestNameLength = 64;

/**
 * The candidate that is most likely meant by a misspelt name, or `undefined` when none is close. About one mistake in
 * three characters is allowed, at most three; case, `-` and `_` do not count. Of equally close ones the first wins.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > longestNameLength) return undefined;
  const wanted = fold(name);
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const allowed = Math.min(3, Math.floor(Math.max(name.length, candidate.length) / 3));
    if (candidate === name || Math.abs(candidate.length - name.length) > allowed) continue;
    const distance = editDistance(wanted, fold(candidate));
    if (distance <= allowed && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** "did you mean `x`?" for the nearest candidate, or `undefined` when none is close. */
export function didYouMean(name: string, candidates: Iterable<string>): string | undefined {
  const found = nearest(name, candidates);
  return found === undefined ? undefined : `did you mean \`${found}\`?`;
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll('-', '_');
}

/**
 * Optimal string alignment distance (Damerau-Levenshtein without editing a substring twice): the number of
 * insertions, deletions, substitutions and swaps of neighbours that turn one text into the other.
 */
export function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      current[column] = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
        row > 1 && column > 1 && swapped ? (beforePrevious[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[right.length] ?? 0;
}
