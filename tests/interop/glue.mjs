// What a client adds to unmodified RxDB (docs/sync-protocol.md): one request at a time for each collection, errors told
// by the status, conflicts told by edit_id, a new beginning for a new epoch, reconciling as the net under the rope.
// It runs in a browser and in node, and needs nothing but RxDB.
import { replicateRxCollection } from 'rxdb/plugins/replication';

// RxDB writes what it learned from a request after the handler has returned.
const SETTLE_MS = 20;
const GZIP_FROM = 2048;

export const conflictHandler = {
    isEqual: (one, other) => one.edit_id === other.edit_id && Boolean(one._deleted) === Boolean(other._deleted),
    resolve: ({ realMasterState }) => realMasterState
};

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs tasks one after the other, each released a little after it has returned. */
class Mutex {
    #last = Promise.resolve();

    run(task) {
        const mine = this.#last.then(task);
        const released = () => pause(SETTLE_MS);
        this.#last = mine.then(released, released);
        return mine;
    }
}

async function answerOf(response) {
    // An unmodified client that overlooks the status would take an error's body for an answer.
    if (!response.ok) throw new Error(`${response.status} ${(await response.text()).slice(0, 200)}`);
    return response.json();
}

async function packed(text) {
    const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * The replication of a device's collections.
 *
 * `collections` is by name whether the device pushes to it. `retryMs` is the first pause after an error; it doubles up to
 * `patienceMs`, and each is drawn between a half and the whole and a half of it, so that devices do not come back all at
 * once. `onError` is told of every request that failed.
 */
export class Link {
    #mutexes = new Map();
    #pushes = new Map();
    #replications = new Map();
    #epoch;
    // The server has another epoch than these replications began with: its database was restored, or is another.
    #outdated = false;
    #stopped = true;

    constructor(database, given) {
        this.database = database;
        this.given = { pullBatch: 100, pushBatch: 20, retryMs: 1000, patienceMs: 60_000, onError: () => {}, ...given };
        for (const name of Object.keys(this.given.collections)) {
            this.#mutexes.set(name, new Mutex());
            this.#pushes.set(name, 0);
        }
    }

    /** Learn the epoch and replicate; a pause is a `stop` and a `start`, never RxDB's own. */
    async start() {
        this.#stopped = false;
        this.#outdated = false;
        this.#epoch = await this.#askEpoch();
        for (const [name, pushes] of Object.entries(this.given.collections)) {
            this.#replications.set(name, this.#replicate(name, pushes));
        }
    }

    /** Cancel what runs. What was begun is given up, and done again by whoever starts next. */
    async stop() {
        this.#stopped = true;
        await Promise.all([...this.#replications.values()].map((replication) => replication.cancel()));
        this.#replications.clear();
    }

    /** Ask the server again and wait until nothing is left to pull or to push; begin anew where the epoch changed. */
    async settle() {
        do {
            if (this.#outdated || (await this.#askEpoch()) !== this.#epoch) {
                await this.stop();
                await this.start();
            }
            for (const replication of this.#replications.values()) {
                await replication.awaitInitialReplication();
                replication.reSync();
                await replication.awaitInSync();
            }
        } while (this.#outdated);
    }

    /**
     * Tell the server what is held, have what differs sent again, push what it never had, and touch here what stays.
     *
     * To be done at login, once a day, before the device is handed back, and after a new epoch. The first pass heals what
     * the server can heal; what the second still finds is stuck in this client, and is touched here, so that RxDB sends
     * it and is told the truth. Returns what the last pass still found, by collection; nothing, as a rule.
     */
    async reconcile() {
        await this.settle();
        await this.#pass(({ push }) => push);
        await this.settle();
        await this.#pass(({ push, differs }) => [...push, ...differs]);
        await this.settle();
        return this.#pass(() => []);
    }

    async #pass(stuck) {
        const found = {};
        for (const [name, pushes] of Object.entries(this.given.collections)) {
            const documents = await this.database[name].find().exec();
            const held = documents.map((document) => [document.id, document.edit_id]);
            const told = await this.#persistently(name, () => this.#post(`${name}/reconcile`, held));
            for (const id of pushes ? stuck(told) : []) await this.#touch(name, id);
            if (told.touched || told.push.length || told.differs.length) found[name] = told;
        }
        return found;
    }

    /** A local edit that changes nothing but the edit, so that RxDB sends the document and hears what is stored. */
    async #touch(name, id) {
        const document = await this.database[name].findOne(id).exec();
        await document?.incrementalPatch({ edit_id: crypto.randomUUID() });
    }

    #replicate(name, pushes) {
        const { pullBatch, pushBatch, officer, retryMs } = this.given;
        const epoch = this.#epoch;

        // The batches of a push come one by one. RxDB writes down what it pushed when the last of them is through: a pull
        // in between would bring documents of a batch that is through, which RxDB would take for local edits, skip, and
        // never ask for again.
        const pull = async (checkpoint, limit) => {
            while (this.#pushes.get(name) > 0) await this.#mutexes.get(name).run(async () => {});
            const query = new URLSearchParams({ limit, checkpoint: JSON.stringify(checkpoint ?? null) });
            const answer = await this.#persistently(name, () => this.#get(`${name}/pull?${query}`), replication);
            if (answer.checkpoint.epoch === epoch) return answer;
            // What belongs to another epoch must not be mixed in: `settle` begins anew. An error here would be tried again
            // for ever, also by a replication that is being cancelled, which waits for its pull to end.
            this.#outdated = true;
            return { documents: [], checkpoint };
        };
        const push = async (rows) => {
            this.#pushes.set(name, this.#pushes.get(name) + 1);
            try {
                return await this.#persistently(name, () => this.#post(`${name}/push`, rows), replication);
            } finally {
                this.#pushes.set(name, this.#pushes.get(name) - 1);
            }
        };
        const replication = replicateRxCollection({
            collection: this.database[name],
            replicationIdentifier: `${epoch}-${officer}`,
            live: true,
            retryTime: retryMs,
            toggleOnDocumentVisible: false,
            pull: { handler: pull, batchSize: pullBatch },
            ...(pushes ? { push: { handler: push, batchSize: pushBatch } } : {})
        });
        return replication;
    }

    async #askEpoch() {
        const [name] = Object.keys(this.given.collections);
        const answer = await this.#persistently(name, () => this.#get(`${name}/pull?limit=1`));
        return answer.checkpoint.epoch;
    }

    /** The request's answer, tried again until it is given; no other request of the collection comes in between. */
    #persistently(name, request, replication) {
        return this.#mutexes.get(name).run(async () => {
            for (let wait = this.given.retryMs; ; wait = Math.min(2 * wait, this.given.patienceMs)) {
                try {
                    return await answerOf(await request());
                } catch (error) {
                    this.given.onError(error);
                    if (this.#stopped || replication?.isStopped()) throw error;
                    await pause(wait * (0.5 + Math.random()));
                }
            }
        });
    }

    #get(path) {
        return fetch(`${this.given.url}/sync/v1/${path}`, { headers: this.#headers() });
    }

    async #post(path, value) {
        const text = JSON.stringify(value);
        const headers = { ...this.#headers(), 'content-type': 'application/json' };
        if (text.length < GZIP_FROM) {
            return fetch(`${this.given.url}/sync/v1/${path}`, { method: 'POST', headers, body: text });
        }
        headers['content-encoding'] = 'gzip';
        return fetch(`${this.given.url}/sync/v1/${path}`, { method: 'POST', headers, body: await packed(text) });
    }

    /** The device's clock travels along, so that the server knows how wrong it goes. */
    #headers() {
        return {
            authorization: `Bearer ${this.given.token}`,
            'xunge-device-time': new Date().toISOString()
        };
    }
}
