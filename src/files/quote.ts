const maximumLength = 120;

/**
 * Control characters and those that turn the direction of writing: a file could use them to forge what a terminal
 * shows.
 */
const unprintable = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A text from a file, made safe and short enough to stand in a message. */
export function printable(text: string): string {
  const shown = text.length <= maximumLength ? text : `${text.slice(0, maximumLength)}...`;
  return shown.replace(unprintable, escapeCharacter);
}

function toJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // JSON.stringify is recursive and JSON.parse is not: a file can hold a value that is too deep to be written.
    return 'a deeply nested value';
  }
}

/** A value found in a file, as JSON that is safe and short enough to stand in a message. */
export function quote(value: unknown): string {
  return printable(toJson(value));
}
