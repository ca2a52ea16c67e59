import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bashCompletion } from '../../src/cli/completion/bash.js';
import { describeVerbs } from '../../src/cli/completion/describe.js';
import { fishCompletion } from '../../src/cli/completion/fish.js';
import { zshCompletion } from '../../src/cli/completion/zsh.js';
import { withTemporaryDirectory } from '../support/temporary.js';

function createProgram(): Command {
  const program = new Command('quern');
  program
    .command('build')
    .description("builds what is needed, and doesn't repeat itself: [stages]")
    .argument('[recipe]')
    .option('-j, --jobs <count>', 'at once')
    .addOption(new Option('--progress <mode>', 'how').choices(['tty', 'plain']));
  program.command('completion').addArgument(new Argument('<shell>').choices(['bash', 'zsh']));
  const cache = program.command('cache');
  cache.command('gc').option('--dry-run', 'only says');
  cache.command('verify');
  program.command('exec-action').argument('<file>');
  return program;
}

const verbs = describeVerbs(createProgram());

/** What bash offers for the last of the words. */
function complete(directory: string, words: readonly string[]): string[] {
  const script = join(directory, 'quern.bash');
  writeFileSync(script, bashCompletion(verbs));
  const list = words.map((word) => `'${word}'`).join(' ');
  const code = `source "${script}"; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _quern; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync('bash', ['-uc', code], { cwd: directory, encoding: 'utf8' });
  return output.split('\n').filter((line) => line !== '');
}

test('verbs that people call are described, with options and choices', () => {
  assert.equal(
    verbs.map(({ name }) => name),
    ['build', 'completion', 'cache'],
  );
  assert.equal(
    verbs[0]?.options.map(({ flags, takesValue, choices }) => ({ flags, takesValue, choices })),
    [
      { flags: ['-j', '--jobs'], takesValue: true, choices: [] },
      { flags: ['--progress'], takesValue: true, choices: ['tty', 'plain'] },
    ],
  );
  assert.equal(
    verbs[2]?.verbs.map(({ name }) => name),
    ['gc', 'verify'],
  );
});

test('bash completes verbs, options, choices, verbs below a verb, and files', () =>
  withTemporaryDirectory(async (directory) => {
    writeFileSync(join(directory, 'recipe.yaml'), '');
    assert.equal(complete(directory, ['quern', 'bu']), ['build']);
    assert.equal(complete(directory, ['quern', 'c']), ['completion', 'cache']);
    assert.equal(complete(directory, ['quern', 'build', 'rec']), ['recipe.yaml']);
    writeFileSync(join(directory, 'my recipe.yaml'), '');
    assert.equal(complete(directory, ['quern', 'build', 'my']), ['my recipe.yaml']);
    assert.equal(complete(directory, ['quern', 'build', 'recipe.yaml', '--j']), ['--jobs']);
    assert.equal(complete(directory, ['quern', 'build', '--progress', 'p']), ['plain']);
    assert.equal(complete(directory, ['quern', 'completion', '']), ['bash', 'zsh']);
    assert.equal(complete(directory, ['quern', 'cache', 'v']), ['verify']);
    assert.equal(complete(directory, ['quern', 'cache', 'gc', '--d']), ['--dry-run']);
  }));

test('descriptions are quoted for each shell', () => {
  const zsh = zshCompletion(verbs);
  assert.match(zsh, /'build:builds what is needed, and doesn'\\''t repeat itself\\: \[stages\]'/);
  assert.match(zsh, /'\*--progress\[how\]:value:\(tty plain\)'/);
  const fish = fishCompletion(verbs);
  assert.match(fish, /-a build -d 'builds what is needed, and doesn\\'t repeat itself: \[stages\]'/);
  assert.match(fish, /-n "__fish_seen_subcommand_from build" -s j -l jobs -r -d 'at once'/);
});

test.run();
