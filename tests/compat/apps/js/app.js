// The app of the matrix (see apps/features.py) with Dapr's SDK for JavaScript, which has no calls of other apps,
// no retry policies, no patches and no versions.
"use strict";

const { WorkflowRuntime } = require("@dapr/dapr");
const { note, runs, passGate } = require("./notes");

class PaymentRefused extends Error {
  constructor(message) {
    super(message);
    this.name = "PaymentRefused";
  }
}

const activities = {
  double: async (ctx, number) => 2 * number,
  noted: async (ctx, key) => {
    note(key);
    return key;
  },
  gated: async (ctx, key) => {
    note(key);
    await passGate(key);
    return key;
  },
  letters: async (ctx, count) => "x".repeat(count),
  refuse: async (ctx, word) => {
    throw new PaymentRefused(`no money for ${word}`);
  },
  fail_until: async (ctx, asked) => {
    note(asked.key);
    if (runs(asked.key) < asked.times) throw new PaymentRefused("not yet");
    return "at last";
  },
  count: async (ctx, key) => {
    note(key);
    return runs(key);
  },
};

async function* one(ctx, number) {
  return yield ctx.callActivity("double", number);
}

async function* fan(ctx, asked) {
  const tasks = [];
  for (let number = 0; number < asked.count; number++) tasks.push(ctx.callActivity("double", number));
  const results = yield ctx.whenAll(tasks);
  return results.reduce((sum, result) => sum + result, 0);
}

// A failed task is thrown into the workflow as an error of the SDK's own, with the failure in its message.
function caught(error) {
  return { type: error.name, message: error.message };
}

async function* call(ctx, asked) {
  try {
    return yield ctx.callActivity(asked.activity, asked.input);
  } catch (error) {
    return caught(error);
  }
}

async function* callChild(ctx, asked) {
  try {
    return yield ctx.callChildWorkflow(asked.workflow, asked.input, asked.id);
  } catch (error) {
    return caught(error);
  }
}

async function* rely(ctx, word) {
  return yield ctx.callActivity("refuse", word);
}

async function* failUntilChild(ctx, asked) {
  const number = yield ctx.callActivity("count", asked.key);
  if (number < asked.times) throw new PaymentRefused("not yet");
  return `run ${number}`;
}

async function* sleep(ctx, seconds) {
  const began = ctx.getCurrentUtcDateTime().getTime();
  yield ctx.createTimer(new Date(began + seconds * 1000));
  return (ctx.getCurrentUtcDateTime().getTime() - began) / 1000;
}

async function* wait(ctx, name) {
  return yield ctx.waitForExternalEvent(name);
}

async function* collectLater(ctx, count) {
  yield ctx.callActivity("gated", ctx.getWorkflowInstanceId());
  const got = [];
  for (let left = count; left > 0; left--) got.push(yield ctx.waitForExternalEvent("item"));
  return got;
}

async function* waitAtMost(ctx, seconds) {
  const event = ctx.waitForExternalEvent("go");
  const first = yield ctx.whenAny([event, ctx.createTimer(seconds)]);
  return first === event ? event.getResult() : "timed out";
}

async function* noteAfterEvent(ctx, key) {
  yield ctx.waitForExternalEvent("go");
  return yield ctx.callActivity("noted", key);
}

async function* stepsWithGate(ctx, key) {
  const first = yield ctx.callActivity("noted", `${key} before`);
  const middle = yield ctx.callActivity("gated", key);
  const last = yield ctx.callActivity("noted", `${key} after`);
  return [first, middle, last];
}

async function* generations(ctx, state) {
  const got = yield ctx.waitForExternalEvent("item");
  const taken = [...state.taken, got];
  if (taken.length < state.until) {
    ctx.continueAsNew({ ...state, taken }, true);
    return;
  }
  return taken;
}

async function* say(ctx) {
  ctx.setCustomStatus("waiting");
  yield ctx.waitForExternalEvent("go");
  ctx.setCustomStatus("going");
  yield ctx.waitForExternalEvent("end");
  return "said";
}

async function* manySteps(ctx, count) {
  for (let left = count; left > 0; left--) yield ctx.callActivity("noted", ctx.getWorkflowInstanceId());
  return count;
}

const workflows = {
  one,
  fan,
  call,
  call_child: callChild,
  rely,
  fail_until_child: failUntilChild,
  sleep,
  wait,
  collect_later: collectLater,
  wait_at_most: waitAtMost,
  note_after_event: noteAfterEvent,
  steps_with_gate: stepsWithGate,
  generations,
  say,
  many_steps: manySteps,
};

async function main() {
  const runtime = new WorkflowRuntime();
  for (const [name, activity] of Object.entries(activities)) runtime.registerActivityWithName(name, activity);
  for (const [name, workflow] of Object.entries(workflows)) runtime.registerWorkflowWithName(name, workflow);
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
  await runtime.start();
  console.log("ready");
}

main();
