import type { CompletedOption, CompletedVerb } from './describe.js';

/** A completion script for fish. */
export function fishCompletion(verbs: readonly CompletedVerb[]): string {
  const lines = [
    '# Completion of quern for fish: quern completion fish | source',
    ...verbs.map(
      ({ name, description }) => `complete -c quern -n __fish_use_subcommand -f -a ${name} -d ${quoted(description)}`,
    ),
    ...verbs.flatMap(verbLines),
  ];
  return `${lines.join('\n')}\n`;
}

function verbLines({ name, options, choices, verbs }: CompletedVerb): string[] {
  const condition = `"__fish_seen_subcommand_from ${name}"`;
  const first = [...choices, ...verbs.map((verb) => verb.name)];
  const words = first.length === 0 ? [] : [`complete -c quern -n ${condition} -f -a ${quoted(first.join(' '))}`];
  const below = verbs.flatMap((verb) =>
    verb.options.map((option) =>
      optionLine(`"__fish_seen_subcommand_from ${name}; and __fish_seen_subcommand_from ${verb.name}"`, option),
    ),
  );
  return [...words, ...options.map((option) => optionLine(condition, option)), ...below];
}

function optionLine(condition: string, { flags, description, takesValue, choices }: CompletedOption): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ');
  const values = choices.length > 0 ? ` -f -a ${quoted(choices.join(' '))}` : '';
  return `complete -c quern -n ${condition} ${names}${takesValue ? ` -r${values}` : ''} -d ${quoted(description)}`;
}

/** Inside single quotes, fish knows escapes for the backslash and the quote itself. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
