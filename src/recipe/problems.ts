import type { Diagnostic, Location } from '../errors.js';
import { errorAt } from './document.js';

/** Collects the problems of one recipe and of the files it is made of. */
export class Problems {
  readonly #diagnostics: Diagnostic[] = [];

  add(location: Location, message: string, suggestion?: string): void {
    this.#diagnostics.push(errorAt(location, message, suggestion));
  }

  addAll(diagnostics: readonly Diagnostic[]): void {
    this.#diagnostics.push(...diagnostics);
  }

  get count(): number {
    return this.#diagnostics.length;
  }

  /** A part that aliases or variants repeat has its problems once. */
  #distinct(): Diagnostic[] {
    return [...new Map(this.#diagnostics.map((one) => [JSON.stringify([one.location, one.message]), one])).values()];
  }

  /** In the order of the files given, and of their texts; what stands in none of them comes first. */
  sorted(files: Iterable<string>): readonly Diagnostic[] {
    const positions = new Map([...files].map((file, index) => [file, index]));
    const positionOf = ({ file }: Location): number => positions.get(file) ?? -1;
    const byPosition = (left: Diagnostic, right: Diagnostic): number =>
      positionOf(left.location) - positionOf(right.location) ||
      (left.location.line ?? 0) - (right.location.line ?? 0) ||
      (left.location.column ?? 0) - (right.location.column ?? 0);
    return this.#distinct().sort(byPosition);
  }
}
