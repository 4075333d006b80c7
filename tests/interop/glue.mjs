// What a client adds to unmodified RxDB (docs/sync-protocol.md): one request at a time for each collection, errors told
// by the status, conflicts told by edit_id, the checkpoint handed back as it came.
import { gzipSync } from 'node:zlib';
import { replicateRxCollection } from 'rxdb/plugins/replication';

// RxDB writes what it learned from a request after the handler has returned.
const SETTLE_MS = 20;
const RETRY_MS = 20;
const GZIP_FROM = 2048;

export const conflictHandler = {
    isEqual: (one, other) => one.edit_id === other.edit_id && Boolean(one._deleted) === Boolean(other._deleted),
    resolve: ({ realMasterState }) => realMasterState
};

/** Runs tasks one after the other, each released a little after it has returned. */
class Mutex {
    #last = Promise.resolve();

    run(task) {
        const mine = this.#last.then(task);
        const released = () => new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
        this.#last = mine.then(released, released);
        return mine;
    }
}

async function answerOf(response) {
    // An unmodified client that overlooks the status would take an error's body for an answer.
    if (!response.ok) throw new Error(`${response.status} ${(await response.text()).slice(0, 200)}`);
    return response.json();
}

/**
 * Replicates a collection until it is cancelled; `push` is false for what is only pulled.
 *
 * A request that fails is tried again without letting another one in between. RxDB writes down what it pushed when
 * the last batch of several is through: a pull between two tries would bring documents of a batch that is through,
 * RxDB would take them for local edits, skip them, and never ask for them again.
 */
export function replicate(collection, { url, token, identifier, push, batch = 5, onError = () => {} }) {
    const mutex = new Mutex();
    const address = `${url}/sync/v1/${collection.name}`;
    const authorization = `Bearer ${token}`;

    const persistently = (request) =>
        mutex.run(async () => {
            for (;;) {
                try {
                    return await answerOf(await request());
                } catch (error) {
                    onError(error);
                    if (replication.isStopped()) throw error;
                    const jittered = RETRY_MS * (0.5 + Math.random());
                    await new Promise((resolve) => setTimeout(resolve, jittered));
                }
            }
        });

    let pushes = 0;

    const pullHandler = async (checkpoint, limit) => {
        // The batches of a push come one by one; a pull waits for the last of them.
        while (pushes > 0) await mutex.run(async () => {});
        const query = new URLSearchParams({ limit, checkpoint: JSON.stringify(checkpoint ?? null) });
        return persistently(() => fetch(`${address}/pull?${query}`, { headers: { authorization } }));
    };

    const pushHandler = async (rows) => {
        let body = JSON.stringify(rows);
        const headers = { authorization, 'content-type': 'application/json' };
        if (body.length >= GZIP_FROM) {
            body = gzipSync(body);
            headers['content-encoding'] = 'gzip';
        }
        pushes += 1;
        try {
            return await persistently(() => fetch(`${address}/push`, { method: 'POST', headers, body }));
        } finally {
            pushes -= 1;
        }
    };

    const replication = replicateRxCollection({
        collection,
        replicationIdentifier: identifier,
        live: true,
        retryTime: RETRY_MS,
        toggleOnDocumentVisible: false,
        pull: { handler: pullHandler, batchSize: batch },
        ...(push ? { push: { handler: pushHandler, batchSize: batch } } : {})
    });
    return replication;
}
