// Bundles browser.mjs with all that it needs into the one script that is named on the command line.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const [outfile] = process.argv.slice(2);
const entry = fileURLToPath(new URL('browser.mjs', import.meta.url));
await build({ entryPoints: [entry], bundle: true, format: 'iife', logLevel: 'warning', outfile });
