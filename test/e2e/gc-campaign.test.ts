import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { collectGarbage } from '../../src/build/collect.js';
import { Store } from '../../src/store/store.js';
import type { BuildDocument, Project } from './support/project.js';
import { withProject } from './support/project.js';

/** Numbers from 0 to 1, the same ones in every run of the tests. */
function* randomNumbers(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

/**
 * A chain of stages, each in one of two variants. The id of a stage spells the variants of those above it, so that the
 * same id always means the same action. All stages of one place write a text that others share.
 */
function randomChain(random: Generator<number, never>, length: number): { readonly [stage: string]: object } {
  const stages: { [stage: string]: object } = {};
  let id = 'chain';
  let previous: string | undefined;
  for (let place = 0; place < length; place++) {
    id += random.next().value < 0.5 ? '-a' : '-b';
    const stage = `stage${place}`;
    const shared = `text of all stages at ${place}`;
    stages[stage] = {
      id,
      steps: [
        { write: { 'shared.txt': shared, 'own.txt': id } },
        ...(previous === undefined ? [] : [{ gather: 'all' }]),
      ],
      ...(previous === undefined ? {} : { first: previous }),
    };
    previous = stage;
  }
  return stages;
}

/** Builds random recipes one after the other. Returns the keys of all stages by the id of their probe. */
async function buildRandomRecipes(project: Project, seed: number, times: number): Promise<Map<string, string>> {
  const random = randomNumbers(seed);
  const keys = new Map<string, string>();
  for (let time = 0; time < times; time++) {
    const recipe = `recipe-${seed}.yaml`;
    const stages = randomChain(random, 4);
    project.writeProbes(recipe, stages);
    const { code, stdout, stderr } = await project.quern('build', recipe, '--json');
    assert.is(code, 0, stderr);
    for (const { name, key, digest } of (JSON.parse(stdout) as BuildDocument).stages) {
      assert.ok(digest);
      keys.set(idOf(stages[name]), key ?? '');
    }
  }
  return keys;
}

function idOf(stage: object | undefined): string {
  return stage !== undefined && 'id' in stage ? String(stage.id) : '';
}

/** Collects without a pause all that is not in use, until `isOver`. Returns how often each key was removed. */
async function collectUntil(store: Store, isOver: () => boolean): Promise<Map<string, number>> {
  const removed = new Map<string, number>();
  while (!isOver()) {
    const { removals } = await collectGarbage(store, { maxSizeBytes: 0, pinsOnly: true });
    for (const { record } of removals) removed.set(record.key, (removed.get(record.key) ?? 0) + 1);
    await setImmediate();
  }
  return removed;
}

for (const { builders, times } of [
  { builders: 2, times: 6 },
  { builders: 4, times: 3 },
]) {
  test(`${builders} builds at once, while gc removes what is not in use all the time`, () =>
    withProject(async (project) => {
      const store = Store.open(project.cache);
      let running = builders;
      const building = Array.from({ length: builders }, async (_, index) => {
        try {
          return await buildRandomRecipes(project, index + 1, times);
        } finally {
          running--;
        }
      });
      const [removed, ...keys] = await Promise.all([collectUntil(store, () => running === 0), ...building]);
      const keyOf = new Map(keys.flatMap((map) => [...map]));
      assert.ok(removed.size > 0, 'gc had something to do');
      for (const id of new Set(project.runs)) {
        const runs = project.runs.filter((run) => run === id).length;
        const generations = 1 + (removed.get(keyOf.get(id) ?? '') ?? 0);
        assert.ok(runs <= generations, `${id} ran ${runs} times in ${generations} generations`);
      }
      assert.is((await project.quern('cache', 'verify')).code, 0);
      assert.equal(readdirSync(store.layout.quarantine), []);
      assert.equal(readdirSync(store.layout.tmp), []);
    }));
}

test.run();
