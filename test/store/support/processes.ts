import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const actor = join(import.meta.dirname, 'actor.ts');

function start(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  return spawn(process.execPath, ['--import', 'tsx', actor, ...args], { ...options, stdio: [...stdio] });
}

/** Starts an actor, waits for its first line, gives it to `use`, together with a way to kill it without warning. */
export async function withActor(
  args: readonly string[],
  use: (line: string, kill: () => Promise<void>, pid: number) => Promise<void>,
): Promise<void> {
  const child = start(args);
  const closed = once(child, 'close');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await closed;
  };
  try {
    let text = '';
    for await (const chunk of child.stdout ?? []) {
      text += chunk;
      if (text.includes('\n')) break;
    }
    await use(text.trim(), kill, child.pid ?? 0);
  } finally {
    await kill();
  }
}

/** Runs an actor to its end and returns what it wrote. */
export async function runActor(args: readonly string[], options: SpawnOptions = {}): Promise<string> {
  const child = start(args, options);
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`the actor ended with ${code}`);
  return text.trim();
}
