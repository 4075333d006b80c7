// Serves the CouchDB protocol from LevelDB in the folder given, on a free port of loopback, which it prints.
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const express = require("express");
const expressPouchDB = require("express-pouchdb");
const PouchDB = require("pouchdb");

const folder = process.argv[2];
const stored = PouchDB.defaults({ prefix: join(folder, "/") });
const app = express();
// Only what replication needs, and room for 500 documents in one body.
const middleware = expressPouchDB(stored, {
  mode: "minimumForPouchDB",
  configPath: join(folder, "config.json"),
  logPath: join(folder, "log.txt"),
  inMemoryConfig: true,
});
app.use("/", middleware);
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
// A round of a bench may keep its client waiting longer than the five seconds of node's default.
server.keepAliveTimeout = 600_000;
