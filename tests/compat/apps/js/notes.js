// What the app and the tests agree on outside of the wire: notes of what ran, and gates. See apps/serving.py.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { setTimeout: pause } = require("node:timers/promises");

const POLL_MS = 20;
const PATIENCE_MS = 60_000;

/** Append a line to the file that all apps share; one write, so that lines stay whole. */
function note(key) {
  // Spaced as Python's json does it: `runs` of every app counts lines of every app.
  fs.appendFileSync(process.env.EFFECTS, `{"key": ${JSON.stringify(key)}, "pid": ${process.pid}}\n`);
}

function runs(key) {
  return fs.readFileSync(process.env.EFFECTS, "utf8").split(`"key": ${JSON.stringify(key)}`).length - 1;
}

/** Wait until the test has opened a gate. */
async function passGate(name) {
  const gate = path.join(process.env.GATES, name);
  const deadline = Date.now() + PATIENCE_MS;
  while (!fs.existsSync(gate)) {
    if (Date.now() > deadline) throw new Error(`nobody opened the gate ${name}`);
    await pause(POLL_MS);
  }
}

module.exports = { note, runs, passGate };
