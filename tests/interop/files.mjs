// A handheld's sender of files made of unmodified tus-js-client. It is told what to do by lines of JSON on its input, and
// answers each with one line of JSON on its output. What it knows of an unfinished upload lies in a file beside the photo, as
// in a browser it lies in local storage, so that another process can go on.
import { createReadStream, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Upload } from 'tus-js-client';
import { FileUrlStorage } from 'tus-js-client/lib.es5/node/urlStorage.js';

let options;
const patience = Array.from({ length: 60 }, (_, number) => Math.min(20 * 2 ** number, 500));

/** Sends one file, going on where an earlier process left off; what became of it. */
async function send({ path, metadata, chunkSize = Infinity, withCreation = false }) {
    let requests = 0;
    let began = null;
    const outcome = await new Promise((resolve) => {
        const upload = new Upload(createReadStream(path), {
            endpoint: `${options.url}/files`,
            headers: { Authorization: `Bearer ${options.token}` },
            retryDelays: patience,
            chunkSize,
            metadata,
            uploadSize: statSync(path).size,
            uploadDataDuringCreation: withCreation,
            urlStorage: new FileUrlStorage(`${path}.memory.json`),
            fingerprint: async () => `${path}-${metadata.record_id}`,
            onBeforeRequest: () => {
                requests += 1;
            },
            onProgress: (sent) => {
                began ??= sent;
            },
            onSuccess: () => resolve({ sent: true, url: upload.url }),
            onError: (error) =>
                resolve({
                    sent: false,
                    url: upload.url,
                    status: error.originalResponse?.getStatus() ?? null,
                    body: error.originalResponse?.getBody() ?? String(error)
                })
        });
        upload.findPreviousUploads().then((earlier) => {
            if (earlier.length) upload.resumeFromPreviousUpload(earlier[0]);
            upload.start();
        });
    });
    return { ...outcome, requests, began };
}

const acts = {
    async open(given) {
        options = given;
    },

    async send({ files }) {
        return { outcomes: await Promise.all(files.map(send)) };
    },

    async close() {}
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
