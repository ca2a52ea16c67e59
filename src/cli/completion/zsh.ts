import type { CompletedOption, CompletedVerb } from './describe.js';

/** A completion script for zsh, to be put as `_quern` into a directory of `fpath`, or sourced. */
export function zshCompletion(verbs: readonly CompletedVerb[]): string {
  return `#compdef quern
# Completion of quern for zsh: source <(quern completion zsh)
_quern() {
  local -a verbs
  local context state state_descr line
  typeset -A opt_args
  verbs=(
${verbs.map(verbLine).join('\n')}
  )
  _arguments -C '--help[shows help]' '--version[shows the version]' '1: :->verb' '*:: :->arguments'
  case $state in
    verb) _describe -t verbs verb verbs ;;
    arguments)
      case $words[1] in
${verbs.map(verbCase).join('\n')}
      esac ;;
  esac
}
if [[ $funcstack[1] == _quern ]]; then _quern "$@"; else compdef _quern quern; fi
`;
}

function verbLine({ name, description }: CompletedVerb): string {
  return `    ${quoted(`${name}:${description.replaceAll(':', '\\:')}`)}`;
}

function verbCase({ name, options, choices, verbs }: CompletedVerb): string {
  const first = [...choices, ...verbs.map((verb) => verb.name)];
  const below = verbs.flatMap((verb) => verb.options);
  const specifications = distinct([...options, ...below]).flatMap(optionSpecifications);
  const positional = first.length === 0 ? ["'*:file:_files'"] : [`'1: :(${first.join(' ')})'`, "'*:file:_files'"];
  return `        ${name}) _arguments ${[...specifications, ...positional].join(' ')} ;;`;
}

function distinct(options: readonly CompletedOption[]): CompletedOption[] {
  return [...new Map(options.map((option) => [option.flags.join(' '), option])).values()];
}

function optionSpecifications({ flags, description, takesValue, choices }: CompletedOption): string[] {
  const shown = description.replace(/[[\]\\:]/g, (character) => `\\${character}`);
  const action = choices.length > 0 ? `:value:(${choices.join(' ')})` : ':value:_files';
  return flags.map((flag) => quoted(`*${flag}[${shown}]${takesValue ? action : ''}`));
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
