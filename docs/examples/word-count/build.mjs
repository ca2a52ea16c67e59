import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { artifactDirectory, build, loadRecipe, renderDiagnostics } from 'quern';

const loaded = await loadRecipe(join(import.meta.dirname, 'recipe.yaml'));
if (!loaded.ok) {
  console.error(renderDiagnostics(loaded.diagnostics, loaded.texts));
  process.exit(2);
}

const { status, stages } = await build(loaded.recipe, {
  onEvent: (event) => {
    if (event.type === 'stage-ended') console.log(`${event.outcome.name}: ${event.outcome.headline}`);
  },
});
const [words] = stages;
if (status === 'ok' && words.digest !== null) {
  console.log(readFileSync(join(await artifactDirectory(loaded.recipe, words.digest), 'words.json'), 'utf8'));
}
