/**
 * Kills builds at random instants and looks whether anything is ever wrong afterwards: the runner, one of its action
 * processes, or both, over random recipes. After each kill the recipe is built again, and has to come out as in a store
 * that was never disturbed, with nothing left under `tmp`. At the end the whole store is verified.
 *
 *     npm run build && node --import tsx bench/crash-campaign.ts [kills] [seed]
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Project } from '../test/e2e/support/project.js';
import { digests, withProject } from '../test/e2e/support/project.js';

const kills = Number(process.argv[2] ?? 300);
const seed = Number(process.argv[3] ?? 1);
const killsPerRecipe = 10;
const targets = ['runner', 'child', 'both'] as const;

function* randomNumbers(start: number): Generator<number, never> {
  for (let state = start; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

const random = randomNumbers(seed);
const below = (limit: number): number => Math.floor(random.next().value * limit);

/** A graph of 3 to 8 probes, each of which writes a file, makes up to three parts and gathers its inputs. `salt` makes its keys new ones. */
function randomStages(salt: string): { readonly [stage: string]: object } {
  const count = 3 + below(6);
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => {
      const inputs = ['first', 'second'].flatMap((name) =>
        index > 0 && below(3) > 0 ? [[name, `s${below(index)}`] as const] : [],
      );
      const text = `${salt} ${index} `.repeat(1 + below(20_000));
      // Some parts are those of the recipe before, so that they are found.
      const parts = Array.from({ length: below(4) }, (_, part) => ({
        part: { name: `p${part}`, text: below(2) > 0 ? text : `${part} `.repeat(50_000) },
      }));
      const steps = [{ write: { [`f${below(3)}`]: text } }, ...parts, { gather: 'all' }];
      return [
        `s${index}`,
        { ...Object.fromEntries(inputs), steps, ...(below(4) === 0 ? { to: `exported-${index}` } : {}) },
      ];
    }),
  );
}

function childrenOf(pid: number): number[] {
  try {
    return execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}

function killNow(pid: number | undefined, target: (typeof targets)[number]): void {
  if (pid === undefined) return;
  const children = childrenOf(pid);
  const victims = [...(target === 'runner' ? [] : children.slice(0, 1)), ...(target === 'child' ? [] : [pid])];
  for (const victim of victims) {
    try {
      process.kill(victim, 'SIGKILL');
    } catch {
      // It has just ended by itself.
    }
  }
}

async function disturb(project: Project, wholeMs: number): Promise<void> {
  const running = project.start('build', 'recipe.yaml');
  await setTimeout(random.next().value * wholeMs);
  killNow(running.child.pid, targets[below(targets.length)]!);
  await running.ended;
}

async function campaign(): Promise<number> {
  let wrong = 0;
  let done = 0;
  let longestMs = 0;
  await withProject(async (project) => {
    for (let recipe = 0; done < kills; recipe++) {
      for (let attempt = 0; attempt < killsPerRecipe && done < kills; attempt++) {
        project.writeProbes('recipe.yaml', randomStages(`${seed}.${recipe}.${attempt}`));
        const startedMs = performance.now();
        const expected = digests(await project.build('recipe.yaml', '--cache', 'undisturbed'));
        await disturb(project, performance.now() - startedMs);
        const againMs = performance.now();
        const again = await project.build('recipe.yaml');
        longestMs = Math.max(longestMs, performance.now() - againMs);
        const left = readdirSync(join(project.cache, 'tmp'));
        const isRight = JSON.stringify(digests(again)) === JSON.stringify(expected) && left.length === 0;
        if (!isRight) {
          wrong++;
          console.log(`kill ${done + 1}: ${again.status}, left under tmp: ${left.join(' ')}`);
        }
        done++;
      }
      console.log(`${done} kills, ${wrong} wrong, longest build afterwards ${(longestMs / 1000).toFixed(1)} s`);
    }
    const verified = await project.quern('cache', 'verify');
    console.log(`cache verify: exit code ${verified.code}, ${verified.stdout.trim().split('\n').at(-1)}`);
    if (verified.code !== 0) wrong++;
  });
  return wrong;
}

process.exitCode = (await campaign()) === 0 ? 0 : 1;
