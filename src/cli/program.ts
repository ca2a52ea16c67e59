import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, CommanderError, Option } from 'commander';
import type { ExitCode } from '../errors.js';
import { exitCodes } from '../errors.js';
import { packageDirectory } from '../own-files.js';
import { mostThreads } from '../threads.js';
import { addCacheCommand } from './cache-program.js';
import type {
  BenchCommandOptions,
  BuildCommandOptions,
  CommonOptions,
  GenerateCommandOptions,
  GraphCommandOptions,
  HistoryCommandOptions,
  InitCommandOptions,
  PlanCommandOptions,
  Shell,
} from './options.js';
import {
  collectForced,
  collectSetting,
  fraction,
  granularities,
  graphFormats,
  parseMemory,
  placementPolicies,
  progressModes,
  shells,
  wholeNumber,
  wholeNumbers,
} from './options.js';

type Verb = () => Promise<ExitCode>;

/** Parses the command line and runs the verb. Returns the exit code. */
export async function runCommandLine(argumentList: readonly string[]): Promise<ExitCode> {
  let chosen: Verb | undefined;
  const program = createProgram((verb) => {
    chosen = verb;
  });
  try {
    await program.parseAsync(argumentList, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongCall;
  }
  return chosen === undefined ? exitCodes.wrongCall : chosen();
}

function createProgram(choose: (verb: Verb) => void): Command {
  const program = new Command('quern')
    .description('Builds quantized LLMs from checked-in recipes the way make builds programs')
    .version(readVersion())
    .showSuggestionAfterError()
    .showHelpAfterError('(quern --help shows the verbs)')
    .enablePositionalOptions()
    .exitOverride();

  buildCommand(program, 'build', 'builds a recipe, or the named stages and what they need').action(
    (recipe: string | undefined, stages: string[], options: BuildCommandOptions) =>
      choose(async () => (await import('./verbs/build.js')).build(recipe, stages, options)),
  );
  recipeCommand(program, 'plan', 'says what a build would do, and why')
    .argument('[recipe]')
    .argument('[stage...]')
    .addOption(memoryOption())
    .action((recipe: string | undefined, stages: string[], options: PlanCommandOptions) =>
      choose(async () => (await import('./verbs/plan.js')).plan(recipe, stages, options)),
    );
  recipeCommand(program, 'status', 'says which stages have a result, how large it is and how long it took')
    .argument('[recipe]')
    .action((recipe: string | undefined, options: CommonOptions) =>
      choose(async () => (await import('./verbs/status.js')).status(recipe, options)),
    );
  recipeCommand(program, 'why', 'says why a stage will be built: the fields that changed, before and after')
    .argument('<recipe>')
    .argument('<stage>')
    .action((recipe: string, stage: string, options: CommonOptions) =>
      choose(async () => (await import('./verbs/why.js')).why(recipe, stage, options)),
    );
  recipeCommand(program, 'show', 'shows the result of a stage: parameters, inputs, metrics, files')
    .argument('<recipe>')
    .argument('<stage>')
    .action((recipe: string, stage: string, options: CommonOptions) =>
      choose(async () => (await import('./verbs/show.js')).show(recipe, stage, options)),
    );
  recipeCommand(program, 'path', 'prints a directory with the artifact of a stage (read-only)')
    .argument('<recipe>')
    .argument('<stage>')
    .action((recipe: string, stage: string, options: CommonOptions) =>
      choose(async () => (await import('./verbs/path.js')).path(recipe, stage, options)),
    );
  recipeCommand(program, 'graph', 'draws the stages, what they take from each other, and which are up to date')
    .argument('[recipe]')
    .addOption(new Option('--format <format>', 'language of the drawing').choices(graphFormats).default('mermaid'))
    .action((recipe: string | undefined, options: GraphCommandOptions) =>
      choose(async () => (await import('./verbs/graph.js')).graph(recipe, options)),
    );
  recipeCommand(program, 'log', 'prints what a stage printed when it last ran')
    .argument('<recipe>')
    .argument('<stage>')
    .action((recipe: string, stage: string, options: CommonOptions) =>
      choose(async () => (await import('./verbs/log.js')).log(recipe, stage, options)),
    );
  recipeCommand(program, 'history', 'lists the last builds that ran something')
    .argument('[recipe]')
    .addOption(new Option('--limit <count>', 'runs shown at the most').argParser(wholeNumber('--limit')).default(20))
    .action((recipe: string | undefined, options: HistoryCommandOptions) =>
      choose(async () => (await import('./verbs/history.js')).history(recipe, options)),
    );
  recipeCommand(program, 'diff', 'compares two runs, or two artifacts (RECIPE:STAGE, a digest, or a directory)')
    .argument('<before>')
    .argument('<after>')
    .action((before: string, after: string, options: CommonOptions) =>
      choose(async () => (await import('./verbs/diff.js')).diff(before, after, options)),
    );
  recipeCommand(program, 'check', 'builds stages once more and compares with what is stored, bit for bit')
    .argument('[recipe]')
    .argument('[stage...]')
    .action((recipe: string | undefined, stages: string[], options: CommonOptions) =>
      choose(async () => (await import('./verbs/check.js')).check(recipe, stages, options)),
    );
  withSettings(program.command('init'))
    .description('writes a recipe to start from; asks for what it needs when no template is given')
    .argument('[template]', 'for example opt')
    .option('--output <file>', 'the recipe file, which must not exist', 'quern.yaml')
    .action((template: string | undefined, options: InitCommandOptions) =>
      choose(async () => (await import('./verbs/init.js')).init(template, options)),
    );
  withSettings(program.command('validate'))
    .description('checks recipes without building anything')
    .argument('<recipe...>')
    .action((recipes: string[], options: CommonOptions) =>
      choose(async () => (await import('./verbs/validate.js')).validate(recipes, options)),
    );
  program
    .command('inspect')
    .description('lists what a model is made of, and what of it is not supported')
    .argument('<model>', 'a checkpoint, a GGUF file, or a model that quern wrote')
    .option('--json', 'one JSON document on standard output')
    .action((model: string, options: { json?: boolean }) =>
      choose(async () => (await import('./verbs/inspect.js')).inspect(model, options)),
    );
  modelCommand(program, 'generate', 'continues a text with a model, and shows it as it comes')
    .option('--prompt <text>', 'the text; without it, standard input, or a conversation on a terminal')
    .option('--chat', 'asks as the chat template of the model has it; the default of a conversation')
    .option('--no-chat', 'gives the prompt to the model as it stands')
    .option('--system <text>', 'what the model is told before a conversation')
    .addOption(countOption('--max-tokens <count>', 'tokens of the answer at the most').default(128))
    .addOption(
      new Option('--temperature <number>', 'draws tokens at random; 0 takes the most probable one')
        .argParser(fraction('--temperature', { zero: true, maximum: 100 }))
        .default(0),
    )
    .addOption(countOption('--top-k <count>', 'draws from so many of the most probable tokens'))
    .addOption(
      new Option(
        '--top-p <share>',
        'draws from the most probable tokens that have this probability together',
      ).argParser(fraction('--top-p', { zero: false, maximum: 1 })),
    )
    .addOption(countOption('--seed <number>', 'of the draws: the same one draws the same tokens', 0).default(0))
    .option('--ignore-eos', 'goes on after an end-of-text token')
    .option('--draft <model>', 'a smaller model with the same tokens, which guesses the answer: the same text, faster')
    .addOption(countOption('--draft-tokens <count>', 'tokens that the draft guesses at a time').default(4))
    .action((model: string, stage: string | undefined, options: GenerateCommandOptions) =>
      choose(async () => (await import('./verbs/generate.js')).generate(model, stage, options)),
    );
  modelCommand(program, 'bench', 'measures a model on prompts of several lengths')
    .addOption(
      new Option('--prompt-lengths <list>', 'tokens of the prompts, separated by commas')
        .argParser(wholeNumbers('--prompt-lengths'))
        .default([8, 32, 128], '8,32,128'),
    )
    .addOption(countOption('--new-tokens <count>', 'tokens generated behind each prompt', 2).default(32))
    .addOption(countOption('--warmup <count>', 'repeats that are not counted', 0).default(1))
    .addOption(countOption('--repeats <count>', 'repeats; their median is shown').default(3))
    .action((model: string, stage: string | undefined, options: BenchCommandOptions) =>
      choose(async () => (await import('./verbs/bench.js')).bench(model, stage, options)),
    );
  program
    .command('devices')
    .description('lists the devices that can run operators, or plans one operator on a device')
    .argument('[device]', 'for example npu:stx')
    .option('--plan <MxKxN>', 'shape of a matrix product, for example 8x2048x2048')
    .option('--scheme <name>', 'quantization scheme of the operator', 'w8a8')
    .option('--json', 'one JSON document on standard output')
    .action((device: string | undefined, options: { plan?: string; scheme: string; json?: boolean }) =>
      choose(async () => (await import('./verbs/devices.js')).devices(device, options)),
    );
  program
    .command('completion')
    .description('prints a completion script for a shell')
    .addArgument(new Argument('<shell>').choices(shells))
    .action((shell: Shell) => choose(async () => (await import('./verbs/completion.js')).completion(program, shell)));
  addCacheCommand(program, choose);
  program
    .command('exec-action')
    .description('does the work of one action file (used by executors)')
    .argument('<file>')
    .action((file: string) => choose(async () => (await import('./verbs/exec-action.js')).execAction(file)));
  return program;
}

function memoryOption(): Option {
  return new Option('--memory <size>', 'memory that actions may use together, for example 8GiB').argParser(parseMemory);
}

function withSettings(command: Command): Command {
  return command
    .exitOverride()
    .option('--json', 'one JSON document on standard output')
    .addOption(
      new Option('--set <name=value>', 'gives a variable of the recipe another value')
        .argParser(collectSetting)
        .default(new Map(), 'none'),
    )
    .option('-v, --verbose', 'shows stacks and causes of errors');
}

function recipeCommand(program: Command, name: string, description: string): Command {
  return withSettings(program.command(name))
    .description(description)
    .option('--cache <directory>', 'directory of the store (also QUERN_CACHE)')
    .option('--offline', 'asks nothing of the network (also HF_HUB_OFFLINE)');
}

/** A verb that runs a model, named by its directory or as the stage of a recipe. */
function modelCommand(program: Command, name: string, description: string): Command {
  return recipeCommand(program, name, description)
    .argument('<model>', 'a model that quern built or exported, a checkpoint, an ONNX graph, or a recipe')
    .argument('[stage]', 'the stage of the recipe that made the model')
    .option('--devices <list>', 'where operators run, in order of preference: npu:stx,ep:webgpu,plugin:PATH,cpu', 'cpu')
    .addOption(
      new Option(
        '--granularity <size>',
        'what is dispatched on its own: an operator, or neighbours on the CPU together',
      )
        .choices(granularities)
        .default('island'),
    )
    .addOption(
      new Option('--placement <policy>', 'an operator goes to the first device that takes it, or to the fastest')
        .choices(placementPolicies)
        .default('all-supported'),
    )
    .addOption(countOption('--threads <count>', 'threads of the CPU; by default all it has', 1, mostThreads))
    .option('--spin', 'let threads wait in a busy loop: faster on an idle machine, much slower on a busy one');
}

function countOption(flags: string, description: string, minimum?: number, maximum?: number): Option {
  return new Option(flags, description).argParser(wholeNumber(flags.split(' ')[0] ?? flags, minimum, maximum));
}

function buildCommand(program: Command, name: string, description: string): Command {
  return recipeCommand(program, name, description)
    .argument('[recipe]')
    .argument('[stage...]')
    .addOption(new Option('-j, --jobs <count>', 'actions that run at once at the most').argParser(wholeNumber('-j')))
    .addOption(memoryOption())
    .option('-k, --keep-going', 'after a failure, goes on with what does not depend on it')
    .option('-n, --dry-run', 'shows the plan and builds nothing')
    .addOption(
      new Option('--force [stage]', 'builds all stages, or the named one, even when cached').argParser(collectForced),
    )
    .option('--frozen', 'fails when anything differs from the lock file')
    .option('--verify', 'reads inputs and stored results again and compares them with their digests')
    .option('--junit <file>', 'writes stages and gates as JUnit XML')
    .addOption(new Option('--progress <mode>', 'how progress is shown').choices(progressModes).default('auto'));
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(packageDirectory, 'package.json'), 'utf8'));
  return String(Object(manifest).version);
}
