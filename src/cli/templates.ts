import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { isMap, isScalar, parseDocument, stringify } from 'yaml';
import { QuernError } from '../errors.js';
import { didYouMean } from '../nearest.js';
import { packageDirectory } from '../own-files.js';
import { parseSetting } from '../recipe/variables.js';

const templateDirectory = join(packageDirectory, 'recipes/templates');

/** A variable of a template: what a user may want to be different. */
export interface TemplateVariable {
  readonly name: string;
  /** What it is for, from the comment above it. */
  readonly meaning: string;
  /** Its value as the template has it. */
  readonly text: string;
  /** Where the value stands in the template. */
  readonly range: readonly [start: number, end: number];
}

/** A recipe to start from: a recipe whose variables are explained by comments. */
export interface Template {
  readonly name: string;
  readonly description: string;
  readonly text: string;
  readonly variables: readonly TemplateVariable[];
}

/** Names of the templates that come with quern. */
export function templateNames(): readonly string[] {
  return readdirSync(templateDirectory)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
}

/** Reads a template. A name that is none is answered with the nearest and the list. */
export function readTemplate(name: string): Template {
  const names = templateNames();
  if (!names.includes(name)) {
    const list = `templates are ${names.join(', ')}`;
    const near = didYouMean(name, names);
    const suggestion = near === undefined ? list : `${near} ${list}`;
    throw new QuernError('usage', `there is no template \`${name}\``, { suggestion });
  }
  const text = readFileSync(join(templateDirectory, `${name}.yaml`), 'utf8');
  const document = parseDocument(text);
  return { name, description: String(document.get('description') ?? ''), text, variables: variablesOf(document) };
}

function variablesOf(document: ReturnType<typeof parseDocument>): readonly TemplateVariable[] {
  const vars = document.get('vars', true);
  if (!isMap(vars)) return [];
  return vars.items.flatMap(({ key, value }, index) => {
    if (!isScalar(key) || !isScalar(value) || value.range === undefined || value.range === null) return [];
    // The parser gives the comment above the first key to the mapping.
    const comment = key.commentBefore ?? (index === 0 ? vars.commentBefore : undefined) ?? '';
    const [start, end] = value.range;
    const meaning = comment.trim().replaceAll(/\s+/g, ' ');
    return [{ name: String(key.value), meaning, text: String(value.value), range: [start, end] as const }];
  });
}

/** The text of a template with other values (YAML texts) of its variables, for a file at an absolute path. */
export function fillTemplate(template: Template, values: ReadonlyMap<string, string>, file: string): string {
  const known = template.variables.map(({ name }) => name);
  for (const name of values.keys()) {
    if (known.includes(name)) continue;
    const suggestion = didYouMean(name, known) ?? `its variables are ${known.join(', ')}`;
    throw new QuernError('usage', `the template ${template.name} has no variable \`${name}\``, { suggestion });
  }
  let text = template.text;
  // From the end on, so that the places before stay where they are.
  for (const { name, range } of template.variables.toReversed()) {
    const value = values.get(name);
    if (value !== undefined) text = text.slice(0, range[0]) + valueText(name, value) + text.slice(range[1]);
  }
  return withSchemaLine(text, file);
}

function valueText(name: string, value: string): string {
  const parsed = parseSetting(value);
  if (!parsed.ok) throw new QuernError('usage', `the value of \`${name}\` is wrong: ${parsed.message}`);
  return stringify(parsed.value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}

/** Tells editors where the schema is, if it is at a place that moves along with the project. */
function withSchemaLine(text: string, file: string): string {
  const schema = join(packageDirectory, 'schemas/recipe.schema.json');
  const isInProject = !relative(process.cwd(), schema).startsWith('..');
  const path = relative(dirname(file), schema).split(sep).join('/');
  const line = isInProject ? `# yaml-language-server: $schema=${path.startsWith('.') ? path : `./${path}`}\n` : '';
  return text.replace(/^# yaml-language-server:.*\n/, () => line);
}
