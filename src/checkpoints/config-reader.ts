import { QuernError } from '../errors.js';
import { quote } from '../files/quote.js';
import { isJsonObject, type Json, type JsonObject } from '../json.js';

export interface IntegerRange<Default> {
  readonly min: number;
  /** 2^31 - 1 if not given. */
  readonly max?: number;
  /** What a field that is missing or null means. Without it such a field is an error. */
  readonly default?: Default;
}

export interface FieldDefault<Default> {
  /** What a field that is missing or null means. Without it such a field is an error. */
  readonly default?: Default;
}

const maximumInteger = 2 ** 31 - 1;

function integerTest({ min, max = maximumInteger }: IntegerRange<unknown>): (value: Json) => value is number {
  return (value): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

function describeRange({ min, max = maximumInteger }: IntegerRange<unknown>): string {
  if (max !== maximumInteger) return `an integer from ${min} to ${max}`;
  if (min === 1) return 'a positive integer';
  if (min === 0) return 'a non-negative integer';
  return `an integer of at least ${min}`;
}

/**
 * Reads the fields of a JSON object with clear errors, and remembers which were read, so that a field that nobody
 * understands can be refused and not silently ignored.
 */
export class ConfigReader {
  readonly #where: string;
  readonly #prefix: string;
  readonly #fields: JsonObject;
  readonly #read = new Set<string>();
  readonly #sections = new Map<string, ConfigReader>();

  /** `where` is the file, for messages; `prefix` stands before the field names in them. */
  constructor(fields: JsonObject, where: string, prefix = '') {
    this.#fields = fields;
    this.#where = where;
    this.#prefix = prefix;
  }

  /** Whether the field is there and not null. */
  has(name: string): boolean {
    return this.#value(name) !== undefined;
  }

  /** Whether the field is there and null, for fields where that says something else than leaving them out. */
  isNull(name: string): boolean {
    this.#read.add(name);
    return Object.hasOwn(this.#fields, name) && this.#fields[name] === null;
  }

  integer<Default = never>(name: string, range: IntegerRange<Default>): number | Default {
    return this.#get(name, range, integerTest(range), describeRange(range));
  }

  number<Default = never>(name: string, options: FieldDefault<Default> = {}): number | Default {
    const isNumber = (value: Json): value is number => typeof value === 'number' && Number.isFinite(value);
    return this.#get(name, options, isNumber, 'a number');
  }

  boolean<Default = never>(name: string, options: FieldDefault<Default> = {}): boolean | Default {
    return this.#get(name, options, (value) => typeof value === 'boolean', 'true or false');
  }

  string<Default = never>(name: string, options: FieldDefault<Default> = {}): string | Default {
    return this.#get(name, options, (value) => typeof value === 'string', 'a text');
  }

  strings<Default = never>(name: string, options: FieldDefault<Default> = {}): readonly string[] | Default {
    const isStrings = (value: Json): value is readonly string[] =>
      Array.isArray(value) && value.every((item) => typeof item === 'string');
    return this.#get(name, options, isStrings, 'a list of texts');
  }

  /** A list of integers, which one integer alone stands for, too. */
  integers<Default = never>(name: string, range: IntegerRange<Default>): readonly number[] | Default {
    const inRange = integerTest(range);
    const accepts = (value: Json): value is number | readonly number[] =>
      inRange(value) || (Array.isArray(value) && value.every(inRange));
    const value = this.#get(name, range, accepts, `${describeRange(range)}, or a list of such`);
    return typeof value === 'number' ? [value] : value;
  }

  numbers<Default = never>(name: string, options: FieldDefault<Default> = {}): readonly number[] | Default {
    const isNumbers = (value: Json): value is readonly number[] =>
      Array.isArray(value) && value.every((item) => typeof item === 'number' && Number.isFinite(item));
    return this.#get(name, options, isNumbers, 'a list of numbers');
  }

  /** One of a few texts. */
  oneOf<Choice extends string, Default = never>(
    name: string,
    choices: readonly Choice[],
    options: FieldDefault<Default> = {},
  ): Choice | Default {
    const isChoice = (value: Json): value is Choice => choices.some((choice) => choice === value);
    return this.#get(name, options, isChoice, `one of ${choices.join(', ')}`);
  }

  /** The reader of a field that is an object itself, or `undefined` if the field is missing or null. */
  section(name: string): ConfigReader | undefined {
    this.#read.add(name);
    if (!this.has(name)) return undefined;
    const known = this.#sections.get(name);
    if (known !== undefined) return known;
    const fields = this.#get<JsonObject, never>(name, {}, isJsonObject, 'an object');
    const section = new ConfigReader(fields, this.#where, `${this.#prefix}${name}.`);
    this.#sections.set(name, section);
    return section;
  }

  /**
   * Refuses any value of a field but `supported`. A field that is missing or null is taken to have the first of them.
   */
  require(name: string, ...supported: readonly (string | number | boolean)[]): void {
    this.#read.add(name);
    const value = this.#value(name);
    if (value === undefined || supported.some((one) => one === value)) return;
    const list = supported.map(quote).join(' or ');
    throw this.error(name, `${quote(value)} is not supported, only ${list}`);
  }

  /**
   * Refuses fields that are neither read so far nor in `harmless`: they may change what the model computes. Null and
   * empty objects and lists say that something is not used and are let through.
   */
  refuseUnread(harmless: ReadonlySet<string>): void {
    for (const name of Object.keys(this.#fields)) {
      if (this.#read.has(name) || harmless.has(name)) continue;
      const value = this.#value(name);
      const used = value !== undefined && (typeof value !== 'object' || Object.keys(value).length > 0);
      if (used) throw this.error(name, `is not supported (${quote(value)}): it may change what the model computes`);
    }
    for (const section of this.#sections.values()) section.refuseUnread(harmless);
  }

  /** A QuernError about one field, for rules between fields. */
  error(name: string, problem: string): QuernError {
    return new QuernError('input', `${this.#where}: ${this.#prefix}${name} ${problem}`);
  }

  #value(name: string): Exclude<Json, null> | undefined {
    return Object.hasOwn(this.#fields, name) ? (this.#fields[name] ?? undefined) : undefined;
  }

  #get<Value extends Json, Default>(
    name: string,
    options: FieldDefault<Default>,
    accepts: (value: Json) => value is Value,
    expected: string,
  ): Value | Default {
    this.#read.add(name);
    const value = this.#value(name);
    if (value !== undefined) {
      if (accepts(value)) return value;
      throw this.error(name, `must be ${expected}, got ${quote(value)}`);
    }
    if (options.default !== undefined) return options.default;
    throw this.error(name, `is missing: it must be ${expected}`);
  }
}
