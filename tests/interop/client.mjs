// A handheld made of unmodified RxDB. It is told what to do by lines of JSON on its input, and answers each with one
// line of JSON on its output. The first line is {url, token, identifier, collections: {name: pushes}}.
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { createRxDatabase } from 'rxdb/plugins/core';
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory';
import { conflictHandler, replicate } from './glue.mjs';

const schema = {
    version: 0,
    primaryKey: 'id',
    type: 'object',
    properties: { id: { type: 'string', maxLength: 36 }, edit_id: { type: 'string' } },
    required: ['id']
};

let database;
let options;
let replications = [];
let errors = 0;

const acts = {
    /** Opens the database. */
    async open(given) {
        options = given;
        database = await createRxDatabase({ name: 'handheld', storage: getRxStorageMemory(), multiInstance: false });
        const names = Object.keys(options.collections);
        await database.addCollections(Object.fromEntries(names.map((name) => [name, { schema, conflictHandler }])));
    },

    /** Goes online; earlier replications were cancelled, not paused, so that these are made anew. */
    async online() {
        replications = Object.entries(options.collections).map(([name, push]) =>
            replicate(database[name], { ...options, push, onError: () => (errors += 1) })
        );
        await Promise.all(replications.map((replication) => replication.awaitInitialReplication()));
    },

    async offline() {
        await Promise.all(replications.map((replication) => replication.cancel()));
        replications = [];
    },

    /** Asks the server again and waits until nothing is left to pull or to push. */
    async sync() {
        for (const replication of replications) {
            replication.reSync();
            await replication.awaitInSync();
        }
    },

    async insert({ collection, documents }) {
        await database[collection].bulkInsert(documents);
    },

    /** Edits a document once for each note, each time under an edit of its own. */
    async edit({ collection, id, notes }) {
        for (const note of notes) {
            const document = await database[collection].findOne(id).exec();
            await document.incrementalPatch({ note, edit_id: randomUUID() });
        }
    },

    /** What the database holds: edit by id, for each collection. */
    async dump() {
        const held = {};
        for (const name of Object.keys(options.collections)) {
            const documents = await database[name].find().exec();
            held[name] = Object.fromEntries(documents.map((document) => [document.id, document.edit_id]));
        }
        return { held, errors };
    },

    async close() {
        await acts.offline();
        await database.close();
    }
};

for await (const line of createInterface({ input: process.stdin })) {
    const { act, ...given } = JSON.parse(line);
    try {
        const answer = (await acts[act](given)) ?? {};
        process.stdout.write(`${JSON.stringify({ done: act, ...answer })}\n`);
    } catch (error) {
        process.stdout.write(`${JSON.stringify({ failed: act, error: String(error?.stack ?? error) })}\n`);
    }
    if (act === 'close') break;
}
