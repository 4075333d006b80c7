// What a test client does when it is told to, in node and in a browser alike. Only the storage differs.
import { createRxDatabase } from 'rxdb/plugins/core';
import { Link, conflictHandler } from './glue.mjs';

const schema = {
    version: 0,
    primaryKey: 'id',
    type: 'object',
    properties: { id: { type: 'string', maxLength: 36 }, edit_id: { type: 'string' } },
    required: ['id']
};
// Tests are in a hurry; a handheld waits longer between two tries. Small batches make several of a few documents.
const HASTE = { retryMs: 20, patienceMs: 200, pushBatch: 5, pullBatch: 25 };

/** The acts of a device whose database is kept in `storage`; each returns what the test is answered. */
export function deviceOn(storage) {
    let database;
    let link;
    let errors = 0;

    const acts = {
        /** Opens the database: {url, token, officer, collections}. */
        async open(given) {
            database = await createRxDatabase({ name: 'handheld', storage, multiInstance: false });
            const names = Object.keys(given.collections);
            await database.addCollections(Object.fromEntries(names.map((name) => [name, { schema, conflictHandler }])));
            link = new Link(database, { ...HASTE, ...given, onError: () => (errors += 1) });
        },

        online: () => link.start(),
        offline: () => link.stop(),
        sync: () => link.settle(),

        async reconcile() {
            return { found: await link.reconcile() };
        },

        async insert({ collection, documents }) {
            await database[collection].bulkInsert(documents);
        },

        /** Edits a document once for each note, each time under an edit of its own; one that is gone is let be. */
        async edit({ collection, id, notes }) {
            for (const note of notes) {
                const document = await database[collection].findOne(id).exec();
                await document?.incrementalPatch({ note, edit_id: crypto.randomUUID() });
            }
        },

        /** What the database holds: edit by id, for each collection. */
        async dump() {
            const held = {};
            for (const name of Object.keys(database.collections)) {
                const documents = await database[name].find().exec();
                held[name] = Object.fromEntries(documents.map((document) => [document.id, document.edit_id]));
            }
            return { held, errors };
        },

        async close() {
            await link.stop();
            await database.close();
        }
    };

    /** Does what is asked and tells how it went, always. */
    return async ({ act, ...given }) => {
        try {
            return { done: act, ...((await acts[act](given)) ?? {}) };
        } catch (error) {
            return { failed: act, error: String(error?.stack ?? error) };
        }
    };
}
