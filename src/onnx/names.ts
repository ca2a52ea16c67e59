/** The names in use in a graph and its subgraphs, for choosing new ones. */
export class Names {
  readonly #counts = new Map<string, number>();
  /** The last number tried after each prefix, so that many names with one prefix are found quickly. */
  readonly #suffixes = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  remove(name: string): void {
    const count = this.#counts.get(name) ?? 0;
    if (count > 1) this.#counts.set(name, count - 1);
    else this.#counts.delete(name);
  }

  /** `prefix` itself while it is free, else `prefix_1`, `prefix_2`, ... */
  unused(prefix: string): string {
    if (prefix !== '' && !this.#counts.has(prefix)) return prefix;
    let suffix = this.#suffixes.get(prefix) ?? 0;
    let name: string;
    do {
      suffix += 1;
      name = `${prefix}_${suffix}`;
    } while (this.#counts.has(name));
    this.#suffixes.set(prefix, suffix);
    return name;
  }
}
