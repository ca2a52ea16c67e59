import type { Command } from 'commander';
import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import { bashCompletion } from '../completion/bash.js';
import { describeVerbs } from '../completion/describe.js';
import { fishCompletion } from '../completion/fish.js';
import { zshCompletion } from '../completion/zsh.js';
import type { Shell } from '../options.js';

const writers = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

/** `quern completion SHELL`: prints a script that completes verbs, options and files. */
export async function completion(program: Command, shell: Shell): Promise<ExitCode> {
  process.stdout.write(writers[shell](describeVerbs(program)));
  return exitCodes.done;
}
