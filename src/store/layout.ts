import type { Digest } from './digest.js';
import { hexOf } from './digest.js';

/** Version of the directory structure. An older store is converted when it is opened, a newer one is refused. */
export const storeFormat = 1;

/** Paths inside a store. Nothing else spells them. */
export class Layout {
  readonly format: string;
  /** How blobs are linked into directories here. */
  readonly links: string;
  /** How large the store is, as far as that is known without looking. */
  readonly usage: string;
  readonly blobs: string;
  readonly trees: string;
  readonly actions: string;
  readonly stat: string;
  readonly locks: string;
  readonly runs: string;
  readonly tmp: string;
  readonly quarantine: string;
  /** Artifacts linked into directories for people and programs to look at. */
  readonly views: string;
  /** What the last build of each recipe did. */
  readonly recipes: string;
  /** Parameters of recipes that have passed their schemas. */
  readonly checked: string;
  /** Results that are kept whatever their age. */
  readonly pins: string;

  constructor(readonly root: string) {
    this.format = `${root}/format.json`;
    this.links = `${root}/links.json`;
    this.usage = `${root}/usage.json`;
    this.blobs = `${root}/blobs`;
    this.trees = `${root}/trees`;
    this.actions = `${root}/actions`;
    this.stat = `${root}/stat`;
    this.locks = `${root}/locks`;
    this.runs = `${root}/runs`;
    this.tmp = `${root}/tmp`;
    this.quarantine = `${root}/quarantine`;
    this.views = `${root}/views`;
    this.recipes = `${root}/recipes`;
    this.checked = `${root}/checked`;
    this.pins = `${root}/pins`;
  }

  /** The directories every store has. */
  directories(): readonly string[] {
    const { blobs, trees, actions, stat, locks, runs, tmp, quarantine, views, recipes, pins, checked } = this;
    return [blobs, trees, actions, stat, locks, runs, tmp, quarantine, views, recipes, pins, checked];
  }

  blob(digest: Digest): string {
    return objectPath(this.blobs, digest);
  }

  tree(digest: Digest): string {
    return objectPath(this.trees, digest);
  }

  /** The record of an action, by its key of 64 hexadecimal digits. */
  action(key: string): string {
    return `${this.actions}/${key}.json`;
  }

  /** The stat cache entry of a path, by the sha256 of the path. */
  statEntry(pathHex: string): string {
    return `${this.stat}/${pathHex.slice(0, 2)}/${pathHex}.json`;
  }

  lock(name: string): string {
    return `${this.locks}/${name}.lock`;
  }
}

function objectPath(directory: string, digest: Digest): string {
  const hex = hexOf(digest);
  return `${directory}/sha256/${hex.slice(0, 2)}/${hex}`;
}
