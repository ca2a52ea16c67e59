/** Finds a source in a process of its own: `find-in-child.ts SETTINGS PATH`, with the settings as JSON. */
import { openRemoteSources } from '../../src/hub/hub-sources.js';

const [settings = '', path = ''] = process.argv.slice(2);
const finding = await openRemoteSources(JSON.parse(settings), { download: true }).find({
  name: 'float.source',
  path,
  select: (names) => names,
});
process.stdout.write(JSON.stringify(finding));
