package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/dapr/durabletask-go/api"
	"github.com/dapr/durabletask-go/workflow"
)

// The client program of apps/driver.py: one call a line in, one answer a line out, side by side.

type order struct {
	Number int            `json:"n"`
	Op     string         `json:"op"`
	Args   []string       `json:"args"`
	Named  map[string]any `json:"kwargs"`
}

// chosen are the options that say which app a call is for, for the SDKs that have them.
type chosen struct {
	start     []workflow.NewWorkflowOptions
	fetch     []workflow.FetchWorkflowMetadataOptions
	raise     []workflow.RaiseEventOptions
	terminate []workflow.TerminateOptions
	purge     []workflow.PurgeOptions
}

func drive(ctx context.Context, client *workflow.Client) {
	var writing sync.Mutex
	answers := json.NewEncoder(os.Stdout)
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var call order
		must(json.Unmarshal(line, &call))
		go func() {
			answer := map[string]any{"n": call.Number}
			if result, err := do(ctx, client, call); err != nil {
				answer["error"] = failure(err)
			} else {
				answer["result"] = result
			}
			writing.Lock()
			defer writing.Unlock()
			must(answers.Encode(answer))
		}()
	}
}

func do(ctx context.Context, client *workflow.Client, call order) (any, error) {
	named, which := call.Named, options(call.Named)
	id := strings.Join(call.Args[:min(1, len(call.Args))], "")
	switch call.Op {
	case "schedule_new_workflow":
		return client.ScheduleWorkflow(ctx, id, append(which.start, starting(named)...)...)
	case "wait_for_workflow_start":
		return state(client.WaitForWorkflowStart(ctx, id, append(which.fetch, workflow.WithFetchPayloads(true))...))
	case "wait_for_workflow_completion":
		seconds, _ := named["timeout_in_seconds"].(float64)
		limited, stop := context.WithTimeout(ctx, time.Duration(seconds*float64(time.Second)))
		defer stop()
		return state(client.WaitForWorkflowCompletion(limited, id, append(which.fetch, workflow.WithFetchPayloads(true))...))
	case "get_workflow_state":
		return state(client.FetchWorkflowMetadata(ctx, id, append(which.fetch, workflow.WithFetchPayloads(true))...))
	case "raise_workflow_event":
		raise := append(which.raise, workflow.WithEventPayload(named["data"]))
		return nil, client.RaiseEvent(ctx, id, call.Args[1], raise...)
	case "terminate_workflow":
		recursive, given := named["recursive"].(bool)
		terminate := append(which.terminate, workflow.WithRecursiveTerminate(recursive || !given))
		if output, given := named["output"]; given {
			terminate = append(terminate, workflow.WithOutput(output))
		}
		return nil, client.TerminateWorkflow(ctx, id, terminate...)
	case "pause_workflow":
		return nil, suspend(ctx, client, id, named)
	case "resume_workflow":
		return nil, resume(ctx, client, id, named)
	case "purge_workflow":
		return nil, client.PurgeWorkflowState(ctx, id, append(which.purge, workflow.WithRecursivePurge(true))...)
	case "list_workflow_instance_ids":
		listed, err := client.ListInstanceIDs(ctx)
		if err != nil {
			return nil, err
		}
		return map[string]any{"instance_ids": listed.InstanceIds}, nil
	case "get_workflow_history":
		found, err := client.GetInstanceHistory(ctx, id)
		if err != nil {
			return nil, err
		}
		return len(found.Events), nil
	}
	return nil, fmt.Errorf("no call %q", call.Op)
}

func starting(named map[string]any) (options []workflow.NewWorkflowOptions) {
	if input, given := named["input"]; given && input != nil {
		options = append(options, workflow.WithInput(input))
	}
	if id, given := named["instance_id"].(string); given {
		options = append(options, workflow.WithInstanceID(id))
	}
	if seconds, given := named["start_in_s"].(float64); given {
		options = append(options, workflow.WithStartTime(time.Now().Add(time.Duration(seconds*float64(time.Second)))))
	}
	return options
}

func state(found *workflow.WorkflowMetadata, err error) (any, error) {
	if errors.Is(err, api.ErrInstanceNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	told := map[string]any{
		"name":                     found.Name,
		"runtime_status":           found.String(),
		"serialized_input":         text(found.Input),
		"serialized_output":        text(found.Output),
		"serialized_custom_status": text(found.CustomStatus),
	}
	if failed := found.FailureDetails; failed != nil {
		told["failure_details"] = map[string]any{"error_type": failed.ErrorType, "message": failed.ErrorMessage}
	}
	return told, nil
}

func text(value *wrapperspb.StringValue) any {
	if value == nil {
		return nil
	}
	return value.Value
}

func failure(err error) map[string]any {
	if told, ok := status.FromError(err); ok && told.Code() != codes.Unknown {
		return map[string]any{"kind": "RpcError", "code": told.Code().String(), "details": told.Message()}
	}
	return map[string]any{"kind": fmt.Sprintf("%T", err), "code": nil, "details": err.Error()}
}
