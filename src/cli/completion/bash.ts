import type { CompletedOption, CompletedVerb } from './describe.js';

/** A completion script for bash. It needs nothing but bash itself. */
export function bashCompletion(verbs: readonly CompletedVerb[]): string {
  return `# Completion of quern for bash: source <(quern completion bash)
_quern() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} verb=\${COMP_WORDS[1]}
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "${words(names(verbs))} --help --version" -- "$current"))
    return
  fi
  case "$verb $previous" in
${verbs.flatMap(choiceCases).join('\n')}
  esac
  if [[ $COMP_CWORD -eq 2 ]]; then
    case "$verb" in
${verbs.flatMap(firstArgumentCase).join('\n')}
    esac
  fi
  if [[ $current == -* ]]; then
    local below=\${COMP_WORDS[2]}
    case "$verb $below" in
${verbs.flatMap((verb) => verb.verbs.map((below) => optionCase(`"${verb.name} ${below.name}"`, below))).join('\n')}
    esac
    case "$verb" in
${verbs.map((verb) => optionCase(verb.name, verb)).join('\n')}
    esac
    return
  fi
  local IFS=$'\\n'
  COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _quern quern
`;
}

function names(verbs: readonly CompletedVerb[]): string[] {
  return verbs.map(({ name }) => name);
}

/** The words come from quern itself: names and flags, without spaces or quotes. */
function words(list: readonly string[]): string {
  return list.join(' ');
}

function choiceCases({ name, options, verbs }: CompletedVerb): string[] {
  const own = options.filter(({ choices }) => choices.length > 0).map((option) => choiceCase(name, option));
  const below = verbs.flatMap((verb) =>
    verb.options.filter(({ choices }) => choices.length > 0).map((option) => choiceCase(name, option)),
  );
  return [...own, ...below];
}

function choiceCase(verb: string, { flags, choices }: CompletedOption): string {
  const patterns = flags.map((flag) => `"${verb} ${flag}"`).join(' | ');
  return `    ${patterns}) COMPREPLY=($(compgen -W "${words(choices)}" -- "$current")); return ;;`;
}

function firstArgumentCase({ name, choices, verbs }: CompletedVerb): string[] {
  const first = [...choices, ...names(verbs)];
  if (first.length === 0) return [];
  return [`      ${name}) COMPREPLY=($(compgen -W "${words(first)}" -- "$current")); return ;;`];
}

function optionCase(pattern: string, { options }: CompletedVerb): string {
  const flags = options.flatMap((option) => option.flags);
  return `      ${pattern}) COMPREPLY=($(compgen -W "${words([...flags, '--help'])}" -- "$current")); return ;;`;
}
