/** Names of variables and of stages. */
export const namePattern = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** Variables that a text may name: those of the recipe, and the values of a matrix as `matrix.bits`. */
const variablePattern = /^(?:matrix\.)?[A-Za-z_][A-Za-z0-9_-]*$/;

/** What a text with variables is made of. */
export type TemplatePart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'variable'; readonly name: string }
  | { readonly type: 'malformed'; readonly text: string };

/** Splits a text at its `${name}`; `$${` stands for the text `${`. A text without variables gives at most one part. */
export function parseTemplate(text: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  let literal = '';
  let end = 0;
  for (const match of text.matchAll(/\$\$\{|\$\{([^{}]*)\}|\$\{/g)) {
    const [marked, content] = match;
    literal += text.slice(end, match.index);
    end = match.index + marked.length;
    if (marked === '$${') {
      literal += '${';
      continue;
    }
    if (literal !== '') parts.push({ type: 'text', text: literal });
    literal = '';
    const name = content?.trim();
    if (name !== undefined && variablePattern.test(name)) parts.push({ type: 'variable', name });
    else parts.push({ type: 'malformed', text: marked });
  }
  literal += text.slice(end);
  if (literal !== '') parts.push({ type: 'text', text: literal });
  return parts;
}
