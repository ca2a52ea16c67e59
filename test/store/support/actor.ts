/** A process of its own that uses a store as its parent says: `node actor.ts STORE COMMAND ...`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { sha256 } from '../../../src/json.js';
import { parseDigest } from '../../../src/store/digest.js';
import { Store } from '../../../src/store/store.js';

const [storeDirectory = '', command = '', ...rest] = process.argv.slice(2);
const store = open();

function open(): Store {
  try {
    return Store.open(storeDirectory);
  } catch (error) {
    process.stdout.write(String(error));
    process.exit(0);
  }
}

/** Tells the parent something and stays alive until it is killed. */
function hangAfter(message: string): void {
  process.stdout.write(`${message}\n`);
  setInterval(() => {}, 1_000_000);
}

switch (command) {
  case 'hold-lock': {
    const [name = '', mode = ''] = rest;
    const lock = store.locks.tryAcquire(name, mode === 'shared' ? 'shared' : 'exclusive', 'holding');
    hangAfter(lock === undefined ? 'busy' : 'locked');
    break;
  }
  case 'hold-sandbox': {
    const { directory } = store.createSandbox();
    mkdirSync(`${directory}/out`);
    writeFileSync(`${directory}/out/half`, 'half a result');
    hangAfter(directory);
    break;
  }
  case 'count': {
    // Increments a number in a file without any protection but the lock, asking for it without a pause.
    const [file = '', times = ''] = rest;
    for (let i = 0; i < Number(times); i++) {
      let lock = store.locks.tryAcquire('counter', 'exclusive');
      while (lock === undefined) lock = store.locks.tryAcquire('counter', 'exclusive');
      writeFileSync(file, String(Number(readFileSync(file, 'utf8')) + 1));
      lock.release();
    }
    break;
  }
  case 'publish': {
    // Publishes the same tree again and again, sweeping in between, and reports its digest.
    const [times = ''] = rest;
    const digests = new Set<string>();
    for (let i = 0; i < Number(times); i++) {
      await store.sweepSandboxes();
      const sandbox = store.createSandbox();
      for (const name of ['a', 'b', 'c']) writeFileSync(`${sandbox.directory}/${name}`, name.repeat(1000 + i));
      const tree = await store.publishTree(sandbox.directory);
      store.writeRecord({ format: 1, key: 'e'.repeat(64), artifact: tree.digest });
      digests.add(`${tree.digest} ${store.hasTree(tree.digest)}`);
      await sandbox.dispose();
    }
    process.stdout.write(`${[...digests].sort().join('\n')}\n`);
    break;
  }
  case 'publish-forever': {
    // Publishes ever new trees with their records, and reports each round.
    for (let round = 0; ; round++) {
      const sandbox = store.createSandbox();
      const id = `${process.pid}-${round}`;
      for (let i = 0; i < 20; i++) writeFileSync(`${sandbox.directory}/${i}`, `${id} ${i}`.repeat(1 + 100 * i));
      const tree = await store.publishTree(sandbox.directory);
      store.writeRecord({ format: 1, key: sha256(id), artifact: tree.digest });
      await sandbox.dispose();
      process.stdout.write(`${round}\n`);
    }
  }
  case 'open': {
    process.stdout.write('open');
    break;
  }
  case 'export': {
    const [digest, destination = ''] = rest;
    const parsed = parseDigest(digest ?? '');
    if (parsed === undefined) throw new Error('no digest');
    for (let i = 0; i < 10; i++) await store.copyTree(parsed, destination);
    break;
  }
  default:
    throw new Error(`unknown command ${command}`);
}
