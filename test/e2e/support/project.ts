import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withTemporaryDirectory } from '../../support/temporary.js';
import type { Outcome, RunningQuern } from './quern.js';
import { quern, quernJson, repository, startQuern } from './quern.js';

/** What `build --json` prints. */
export interface BuildDocument {
  readonly recipe: string;
  readonly status: string;
  readonly stages: readonly {
    readonly name: string;
    readonly kind: string;
    readonly key: string | null;
    readonly status: string;
    readonly digest: string | null;
    readonly metrics: { readonly [name: string]: unknown };
    readonly gates: readonly { readonly name: string; readonly ok: boolean }[];
    readonly error?: { readonly message: string };
  }[];
}

/** A temporary project with a cache of its own, in which the `probe` kind is known. */
export class Project {
  readonly #env: { [name: string]: string } = {};

  constructor(readonly directory: string) {
    const probeKind = join(repository, 'test/e2e/support/probe-kind.mjs');
    this.write('quern.config.yaml', `kinds: [${JSON.stringify(probeKind)}]\n`);
    mkdirSync(join(directory, 'probe'));
    this.#env.QUERN_PROBE = join(directory, 'probe');
    this.#env.QUERN_CACHE = join(directory, 'cache');
  }

  get cache(): string {
    return join(this.directory, 'cache');
  }

  write(name: string, text: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }

  /** A recipe of probes: stage name -> parameters beside `kind` and `id` (which is the name unless given). */
  writeProbes(name: string, stages: { readonly [stage: string]: object }): void {
    const entries = Object.entries(stages).map(([stage, parameters]) => [
      stage,
      { kind: 'probe', id: stage, ...parameters },
    ]);
    this.write(name, JSON.stringify({ quern: 1, stages: Object.fromEntries(entries) }));
  }

  /** Ids of the probes that have run, in order. */
  get runs(): readonly string[] {
    return this.#noted('runs');
  }

  /** Names of the parts that probes have begun to make, in order. */
  get parts(): readonly string[] {
    return this.#noted('parts');
  }

  #noted(name: string): readonly string[] {
    const path = this.signal(name);
    return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
  }

  /** A file by which probes and tests tell each other where they are. */
  signal(name: string): string {
    return join(this.directory, 'probe', name);
  }

  start(...argumentList: string[]): RunningQuern {
    return startQuern(argumentList, { cwd: this.directory, env: this.#env });
  }

  quern(...argumentList: string[]): Promise<Outcome> {
    return quern(argumentList, { cwd: this.directory, env: this.#env });
  }

  /** With further environment variables. */
  quernWith(env: { readonly [name: string]: string }, ...argumentList: string[]): Promise<Outcome> {
    return quern(argumentList, { cwd: this.directory, env: { ...this.#env, ...env } });
  }

  json<T>(...argumentList: string[]): Promise<T> {
    return quernJson<T>(argumentList, { cwd: this.directory, env: this.#env });
  }

  build(...argumentList: string[]): Promise<BuildDocument> {
    return this.json<BuildDocument>('build', ...argumentList);
  }
}

export function withProject<T>(use: (project: Project) => Promise<T>): Promise<T> {
  return withTemporaryDirectory((directory) => use(new Project(directory)));
}

/** Stage name -> status of a build. */
export function statuses(document: BuildDocument): { readonly [stage: string]: string } {
  return Object.fromEntries(document.stages.map(({ name, status }) => [name, status]));
}

/** Stage name -> artifact digest of a build. */
export function digests(document: BuildDocument): { readonly [stage: string]: string | null } {
  return Object.fromEntries(document.stages.map(({ name, digest }) => [name, digest]));
}
