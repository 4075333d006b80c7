// A handheld made of unmodified RxDB in node. It is told what to do by lines of JSON on its input, and answers each with
// one line of JSON on its output.
import { createInterface } from 'node:readline';
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory';
import { deviceOn } from './acts.mjs';

const device = deviceOn(getRxStorageMemory());

for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    process.stdout.write(`${JSON.stringify(await device(asked))}\n`);
    if (asked.act === 'close') break;
}
