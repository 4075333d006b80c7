// The same handheld in a browser, on IndexedDB by Dexie. The test begins an act and asks for its answer afterwards.
import { getRxStorageDexie } from 'rxdb/plugins/storage-dexie';
import { deviceOn } from './acts.mjs';

const device = deviceOn(getRxStorageDexie());
let answer;

globalThis.begin = (asked) => void (answer = device(asked));
globalThis.end = () => answer;
