import type { ProgressMode } from '../options.js';
import type { Renderer } from './renderer.js';

export interface RendererOptions {
  readonly verbose: boolean;
}

/** The renderer of a mode. `auto` draws on a terminal and writes plain lines anywhere else. */
export async function chooseRenderer(mode: ProgressMode, options: RendererOptions): Promise<Renderer> {
  const drawn = mode === 'tty' || (mode === 'auto' && process.stderr.isTTY === true && process.env.CI === undefined);
  if (drawn) return new (await import('./terminal.js')).TerminalRenderer(options);
  if (mode === 'json') return new (await import('./renderer.js')).JsonRenderer();
  if (mode === 'none') return new (await import('./renderer.js')).SilentRenderer();
  return new (await import('./plain.js')).PlainRenderer(options);
}
