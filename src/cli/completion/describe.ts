import type { Command } from 'commander';

export interface CompletedOption {
  /** For example `['-j', '--jobs']`. */
  readonly flags: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  /** The values it takes, where they are a fixed list. */
  readonly choices: readonly string[];
}

/** A verb as far as a shell completes it; what is no option is a file, or one of `choices`. */
export interface CompletedVerb {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  /** The words that its first argument is one of, where they are a fixed list. */
  readonly choices: readonly string[];
  /** Names of the verbs below it, for example of `cache`. */
  readonly verbs: readonly CompletedVerb[];
}

/** Verbs that people don't call. */
const hiddenVerbs: ReadonlySet<string> = new Set(['exec-action', 'help']);

/** What shells complete, read from the command line's own description of itself. */
export function describeVerbs(program: Command): CompletedVerb[] {
  return program.commands.filter((command) => !hiddenVerbs.has(command.name())).map(describeVerb);
}

function describeVerb(command: Command): CompletedVerb {
  const [first] = command.registeredArguments;
  return {
    name: command.name(),
    description: command.description(),
    options: command.options
      .filter(({ hidden }) => !hidden)
      .map(({ short, long, description, required, optional, argChoices }) => ({
        flags: [short, long].filter((flag) => typeof flag === 'string'),
        description,
        takesValue: required || optional,
        choices: argChoices ?? [],
      })),
    choices: first?.argChoices ?? [],
    verbs: describeVerbs(command),
  };
}
