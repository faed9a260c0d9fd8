// The client program of apps/driver.py with Dapr's SDK for JavaScript: one call a line in, one answer a line out.
"use strict";

const readline = require("node:readline");
const { DaprWorkflowClient, WorkflowRuntimeStatus } = require("@dapr/dapr");
const grpc = require("@grpc/grpc-js");

// The SDK logs to stdout, which is for answers here.
for (const level of ["log", "info", "debug", "warn"]) console[level] = console.error;

const client = new DaprWorkflowClient();

function state(found) {
  if (found === undefined) return null;
  const failure = found.workflowFailureDetails;
  return {
    name: found.name,
    runtime_status: WorkflowRuntimeStatus[found.runtimeStatus],
    serialized_input: found.serializedInput ?? null,
    serialized_output: found.serializedOutput ?? null,
    serialized_custom_status: found.customStatus ?? null,
    failure_details: failure && { error_type: failure.getErrorType(), message: failure.getErrorMessage() },
  };
}

const calls = {
  schedule_new_workflow: ([name], { input, instance_id, start_in_s }) =>
    client.scheduleNewWorkflow(
      name,
      input ?? undefined,
      instance_id,
      start_in_s === undefined ? undefined : new Date(Date.now() + start_in_s * 1000),
    ),
  wait_for_workflow_start: async ([id]) => state(await client.waitForWorkflowStart(id, true, 30)),
  wait_for_workflow_completion: async ([id], { timeout_in_seconds }) =>
    state(await client.waitForWorkflowCompletion(id, true, timeout_in_seconds)),
  get_workflow_state: async ([id]) => state(await client.getWorkflowState(id, true)),
  raise_workflow_event: ([id, name], { data }) => client.raiseEvent(id, name, data ?? undefined),
  terminate_workflow: ([id], { output }) => client.terminateWorkflow(id, output ?? undefined),
  pause_workflow: ([id]) => client.suspendWorkflow(id),
  resume_workflow: ([id]) => client.resumeWorkflow(id),
  purge_workflow: ([id]) => client.purgeWorkflow(id),
};

function failure(error) {
  const code = typeof error.code === "number" ? grpc.status[error.code] : null;
  return { kind: code === null ? error.constructor.name : "RpcError", code, details: error.details ?? error.message };
}

async function answer(line) {
  const { n, op, args, kwargs } = JSON.parse(line);
  let said;
  try {
    said = { n, result: (await calls[op](args, kwargs)) ?? null };
  } catch (error) {
    said = { n, error: failure(error) };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

readline
  .createInterface({ input: process.stdin })
  .on("line", answer)
  .on("close", () => process.exit(0));
