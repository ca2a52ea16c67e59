import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openRemoteSources, type RemoteSourcesOptions } from '../../src/hub/hub-sources.js';
import type { RemoteFinding, RemoteRequest } from '../../src/hub/remote-source.js';
import { type HubSettings, hubSettings } from '../../src/hub/settings.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import type { FakeHub } from './fake-hub.js';
import { answerWith, commit, sha256Of, withFakeHub } from './fake-hub.js';
import { failure } from './support.js';

const contents = {
  'config.json': '{}',
  'model.safetensors': 'weights',
  'pytorch_model.bin': Buffer.alloc(5000),
  'data/test/0000.parquet': 'PAR1',
};
const modelFiles = (names: readonly string[]) =>
  names.filter((name) => /^(config\.json|model\.safetensors)$/.test(name));

function withHub(use: (hub: FakeHub, settings: HubSettings, directory: string) => Promise<void>): Promise<void> {
  return withTemporaryDirectory((directory) =>
    withFakeHub(contents, (hub) => use(hub, hub.settings(directory), directory)),
  );
}

function find(
  settings: HubSettings,
  path: string,
  change: Partial<RemoteRequest> = {},
  options: RemoteSourcesOptions = { download: true },
): Promise<RemoteFinding> {
  return openRemoteSources(settings, options).find({ name: 'float.source', path, select: modelFiles, ...change });
}

function namesOf(finding: RemoteFinding): readonly string[] {
  if (finding.state !== 'here') throw new Error('the source is not here');
  return finding.files.map(({ name }) => name);
}

test('only the files that are looked for are downloaded', () =>
  withHub(async (hub, settings) => {
    assert.equal(namesOf(await find(settings, 'hf:org/model@main')), ['config.json', 'model.safetensors']);
    assert.not(hub.seen.some(({ path }) => path.includes('pytorch_model')));
  }));

test('a path names one file, or a directory of the repository', () =>
  withHub(async (_hub, settings) => {
    const file = await find(settings, 'hf:org/model@main/data/test/0000.parquet');
    assert.equal([namesOf(file), file.state === 'here' && file.isFile], [['0000.parquet'], true]);
    const all = (names: readonly string[]) => names;
    const directory = await find(settings, 'hf:datasets/org/model@refs/convert/parquet/data', { select: all });
    assert.equal(namesOf(directory), ['test/0000.parquet']);
    assert.is(directory.origin, `hf:datasets/org/model@${commit}/data`);
  }));

test('a commit that is here makes no request', () =>
  withHub(async (hub, settings) => {
    await find(settings, 'hf:org/model');
    hub.seen.length = 0;
    const again = await find(settings, `hf:org/model@${commit}`);
    assert.equal(namesOf(again), ['config.json', 'model.safetensors']);
    assert.is(hub.seen.length, 0);
  }));

test('a branch is asked for once, whatever it is needed for', () =>
  withHub(async (hub, settings) => {
    const sources = openRemoteSources(settings, { download: true });
    const one = { name: 'float.source', path: 'hf:org/model', select: modelFiles };
    await Promise.all([sources.find(one), sources.find(one), sources.find({ ...one, name: 'other.source' })]);
    assert.is(hub.seen.filter(({ path }) => path.startsWith('/api/')).length, 1);
    assert.is(hub.seen.filter(({ path }) => path.startsWith('/cdn/')).length, 1);
  }));

test('the lock file decides the commit of a branch, as long as it is about the same repository', () =>
  withHub(async (hub, settings) => {
    const pins = new Map([['float.source', `hf:org/model@${commit}`]]);
    await find(settings, 'hf:org/model@main', {}, { download: true, pins });
    assert.ok(hub.seen.some(({ path }) => path === `/api/models/org/model/revision/${commit}?blobs=true`));
    hub.seen.length = 0;
    await find(settings, 'hf:org/model@main/data', { select: (names) => names }, { download: true, pins });
    assert.ok(hub.seen.some(({ path }) => path.includes('/revision/main?')));
  }));

test('who may not download says how much would be, and writes nothing', () =>
  withHub(async (_hub, settings, directory) => {
    const finding = await find(settings, 'hf:org/model', {}, { download: false });
    assert.equal(finding, { state: 'elsewhere', origin: `hf:org/model@${commit}`, sizeBytes: 9 });
    assert.not(existsSync(join(directory, 'hub')));
    await find(settings, 'hf:org/model');
    assert.is((await find(settings, 'hf:org/model', {}, { download: false })).state, 'here');
  }));

test('who may not download goes on when the hub does not answer', () =>
  withHub(async (hub, settings) => {
    const busy = () => hub.faults.push(answerWith(503, /^\/api/));
    busy();
    const unknown = await find(settings, 'hf:org/model', {}, { download: false });
    assert.equal(unknown, { state: 'elsewhere', origin: 'hf:org/model@main', sizeBytes: undefined });
    await find(settings, 'hf:org/model');
    busy();
    const known = await find(settings, 'hf:org/model', {}, { download: false });
    assert.equal([known.state, known.origin], ['here', `hf:org/model@${commit}`]);
    assert.is(hub.faults.length, 0);
  }));

test('offline, what is here is found and nothing is asked for', () =>
  withHub(async (hub, settings) => {
    const offline = { ...settings, offline: true };
    const error = await failure(find(offline, 'hf:org/model'));
    assert.is(error.message, 'hf:org/model is not on this machine, and quern is offline');
    assert.match(error.suggestion ?? '', /without --offline/);
    assert.is(hub.seen.length, 0);
    await find(settings, 'hf:org/model');
    hub.seen.length = 0;
    assert.is((await find(offline, 'hf:org/model')).origin, `hf:org/model@${commit}`);
    const rest = await failure(find(offline, 'hf:org/model', { select: (names) => names }));
    assert.match(rest.message, /^data\/test\/0000\.parquet of hf:org\/model is not on this machine/);
    assert.is(hub.seen.length, 0);
  }));

test('offline, what another program downloaded counts', () =>
  withHub(async (_hub, settings, directory) => {
    const snapshot = join(directory, 'hub/models--org--model/snapshots', commit);
    const blob = join(directory, 'hub/models--org--model/blobs/aa');
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(dirname(blob));
    writeFileSync(blob, '{}');
    symlinkSync('../../blobs/aa', join(snapshot, 'config.json'));
    symlinkSync('../../blobs/gone', join(snapshot, 'model.safetensors'));
    const finding = await find({ ...settings, offline: true }, `hf:org/model@${commit}`);
    assert.equal(namesOf(finding), ['config.json']);
  }));

test('a blob that was deleted is downloaded again', () =>
  withHub(async (_hub, settings, directory) => {
    await find(settings, 'hf:org/model');
    rmSync(join(directory, 'hub/models--org--model/blobs', sha256Of(Buffer.from('weights'))));
    const finding = await find(settings, `hf:org/model@${commit}`);
    const file = finding.state === 'here' ? finding.files[1]?.path : undefined;
    assert.is(readFileSync(file ?? '', 'utf8'), 'weights');
  }));

test('what does not exist or is not given is one clear message', () =>
  withHub(async (hub, settings) => {
    const problem = async (path: string, given: HubSettings = settings): Promise<string> => {
      const { message, suggestion } = await failure(find(given, path));
      return `${message}; ${suggestion}`.replaceAll(hub.endpoint, 'HUB').replaceAll(hub.endpoint.slice(7), 'hub');
    };
    const withToken = { ...settings, token: 'secret' };
    assert.is(
      await problem('hf:org/none'),
      'org/none on hub does not exist, or is not public; check its name; if it is private or gated, put a token of your account into HF_TOKEN',
    );
    assert.is(
      await problem('hf:org/none', withToken),
      'org/none on hub does not exist, or the token does not give access to it; check its name, and HF_TOKEN',
    );
    assert.is(await problem('hf:org/model@v9'), 'org/model on hub has no revision "v9"; see HUB/org/model/commits');
    assert.match(
      await problem('hf:org/model/none.bin'),
      /^hf:org\/model\/none\.bin does not exist: the repository has/,
    );
    hub.faults.push(answerWith(403, /cdn/, { 'x-error-code': 'GatedRepo' }));
    assert.is(
      await problem('hf:org/model'),
      'org/model on hub is gated: it is given to those who were granted access; ask for it at HUB/org/model, and put a token of your account into HF_TOKEN',
    );
    hub.faults.push(answerWith(404, /cdn/, { 'x-error-code': 'EntryNotFound' }));
    assert.match(await problem('hf:org/model'), /^org\/model on hub has no such file at main; see HUB/);
    hub.faults.push(answerWith(200, /^\/api/));
    assert.match(await problem('hf:org/model'), /does not answer as a hub does .*; check HF_ENDPOINT/);
  }));

test('a listing that would write outside of the cache is not believed', () =>
  withHub(async (hub, settings, directory) => {
    hub.files.set('../../../escaped.json', Buffer.from('{}'));
    const error = await failure(find(settings, 'hf:org/model', { select: (names) => names }));
    assert.match(error.message, /does not answer as a hub does/);
    assert.not(existsSync(join(directory, 'escaped.json')));
  }));

test('the token goes to the hub and not to the host it redirects to', () =>
  withHub(async (hub, settings) => {
    hub.faults.push((request, response) => {
      if (request.url?.includes('/resolve/') !== true || !request.url.includes('safetensors')) return false;
      response
        .writeHead(302, { location: `${hub.endpoint.replace('127.0.0.1', 'localhost')}/cdn/model.safetensors` })
        .end();
      return true;
    });
    await find({ ...settings, token: 'secret' }, 'hf:org/model');
    const tokens = (part: string) =>
      hub.seen.filter(({ path }) => path.includes(part)).map(({ authorization }) => authorization);
    assert.equal([tokens('/api/'), tokens('/cdn/')], [['Bearer secret'], [undefined]]);
  }));

test('processes that want the same file at once download it once', () =>
  withHub(async (hub, settings) => {
    const child = (): Promise<{ stdout: string }> =>
      promisify(execFile)(process.execPath, [
        ...['--import', 'tsx', join(import.meta.dirname, 'find-in-child.ts')],
        ...[JSON.stringify(settings), 'hf:org/model'],
      ]);
    const findings = await Promise.all([child(), child()]);
    for (const { stdout } of findings) assert.is(JSON.parse(stdout).files.length, 4);
    const downloads = hub.seen.filter(({ path }) => path.startsWith('/cdn/')).map(({ path }) => path);
    assert.is(new Set(downloads).size, downloads.length);
  }));

test('a url is known by its sha256, and downloaded once', () =>
  withHub(async (hub, settings) => {
    const path = `url:${hub.endpoint}/cdn/model.safetensors`;
    const sha256 = sha256Of(Buffer.from('weights'));
    assert.is((await find(settings, path, { sha256 }, { download: false })).state, 'elsewhere');
    assert.equal(namesOf(await find(settings, path, { sha256 })), ['model.safetensors']);
    hub.seen.length = 0;
    assert.equal(namesOf(await find({ ...settings, offline: true }, path, { sha256 })), ['model.safetensors']);
    assert.is(hub.seen.length, 0);
    const other = 'a'.repeat(64);
    assert.match((await failure(find(settings, path, { sha256: other }))).message, /arrived damaged: its sha256/);
    assert.match((await failure(find(settings, path))).message, /has no `sha256` beside it/);
    const missing = await failure(find(settings, `url:${hub.endpoint}/cdn/none.bin`, { sha256: other }));
    assert.match(missing.message, /none\.bin: the server has no such file/);
  }));

test('the variables of Hugging Face say where the cache is and what the token is', () =>
  withTemporaryDirectory(async (directory) => {
    const plain = hubSettings({ HF_HOME: directory });
    assert.equal([plain.endpoint, plain.cacheDirectory], ['https://huggingface.co', join(directory, 'hub')]);
    assert.equal([plain.token, plain.offline], [undefined, false]);
    writeFileSync(join(directory, 'token'), 'from-file\n');
    assert.is(hubSettings({ HF_HOME: directory }).token, 'from-file');
    const full = hubSettings({
      ...{ HF_HOME: directory, HF_HUB_CACHE: '/cache', HF_ENDPOINT: 'http://mirror/', HF_TOKEN: 'given' },
      HF_HUB_OFFLINE: '1',
    });
    assert.equal(
      [full.endpoint, full.cacheDirectory, full.token, full.offline],
      ['http://mirror', '/cache', 'given', true],
    );
    assert.throws(() => hubSettings({ HF_ENDPOINT: 'mirror' }), /HF_ENDPOINT is not an address/);
  }));

test.run();
