// Bundles browser.mjs with all that it needs into the one script that is named on the command line.
import { build } from 'esbuild';

const [outfile] = process.argv.slice(2);
const entry = new URL('browser.mjs', import.meta.url).pathname;
await build({ entryPoints: [entry], bundle: true, format: 'iife', logLevel: 'warning', outfile });
