package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/dapr/durabletask-go/task"
	"github.com/dapr/durabletask-go/workflow"
)

const forEver = -1 * time.Second

var fourTimes = &workflow.RetryPolicy{
	MaxAttempts:          4,
	InitialRetryInterval: 50 * time.Millisecond,
	BackoffCoefficient:   1,
	MaxRetryInterval:     time.Second,
	RetryTimeout:         time.Minute,
}

func activity(ctx *workflow.WorkflowContext, name string, input any, app string, more ...workflow.CallActivityOption) workflow.Task {
	options := append(more, workflow.WithActivityInput(input))
	if app != "" {
		options = append(options, workflow.WithActivityAppID(app))
	}
	return ctx.CallActivity(name, options...)
}

func child(ctx *workflow.WorkflowContext, name string, a asked, input any, more ...workflow.ChildWorkflowOption) workflow.Task {
	options := append(more, workflow.WithChildWorkflowInput(input))
	if a.App != "" {
		options = append(options, workflow.WithChildWorkflowAppID(a.App))
	}
	if a.ID != "" {
		options = append(options, workflow.WithChildWorkflowInstanceID(a.ID))
	}
	return ctx.CallChildWorkflow(name, options...)
}

// caught returns what came of a call: its result, or its failure. The SDK tells the message of a failure only.
func caught(waiting workflow.Task) (any, error) {
	var result any
	if err := waiting.Await(&result); err != nil {
		return map[string]any{"type": fmt.Sprintf("%T", err), "message": err.Error()}, nil
	}
	return result, nil
}

func result(waiting workflow.Task) (any, error) {
	var result any
	err := waiting.Await(&result)
	return result, err
}

// with reads the input of a workflow.
func with[Input any](run func(*workflow.WorkflowContext, Input) (any, error)) workflow.Workflow {
	return func(ctx *workflow.WorkflowContext) (any, error) {
		var input Input
		if err := ctx.GetInput(&input); err != nil {
			return nil, err
		}
		return run(ctx, input)
	}
}

var workflows = map[string]workflow.Workflow{
	"one": with(func(ctx *workflow.WorkflowContext, number int) (any, error) {
		return result(activity(ctx, "double", number, ""))
	}),
	"fan": with(func(ctx *workflow.WorkflowContext, a asked) (any, error) {
		waiting := make([]workflow.Task, a.Count)
		for number := range waiting {
			waiting[number] = activity(ctx, "double", number, a.App)
		}
		sum := 0
		for _, each := range waiting {
			var doubled int
			if err := each.Await(&doubled); err != nil {
				return nil, err
			}
			sum += doubled
		}
		return sum, nil
	}),
	"call": with(func(ctx *workflow.WorkflowContext, a asked) (any, error) {
		return caught(activity(ctx, a.Activity, a.Input, a.App))
	}),
	"call_child": with(func(ctx *workflow.WorkflowContext, a asked) (any, error) {
		return caught(child(ctx, a.Workflow, a, a.Input))
	}),
	"rely": with(func(ctx *workflow.WorkflowContext, word string) (any, error) {
		return result(activity(ctx, "refuse", word, ""))
	}),
	"retry_activity": with(func(ctx *workflow.WorkflowContext, a asked) (any, error) {
		return result(activity(ctx, "fail_until", a, a.App, workflow.WithActivityRetryPolicy(fourTimes)))
	}),
	"retry_child": with(func(ctx *workflow.WorkflowContext, a asked) (any, error) {
		where := asked{App: a.App, ID: ctx.ID() + "-child"}
		return result(child(ctx, "fail_until_child", where, a, workflow.WithChildWorkflowRetryPolicy(fourTimes)))
	}),
	"fail_until_child": with(func(ctx *workflow.WorkflowContext, a asked) (any, error) {
		var number int
		if err := activity(ctx, "count", a.Key, "").Await(&number); err != nil {
			return nil, err
		}
		if number < a.Times {
			return nil, errNotYet
		}
		return fmt.Sprintf("run %d", number), nil
	}),
	"sleep": with(func(ctx *workflow.WorkflowContext, seconds float64) (any, error) {
		began := ctx.CurrentTimeUTC()
		err := ctx.CreateTimer(time.Duration(seconds * float64(time.Second))).Await(nil)
		return ctx.CurrentTimeUTC().Sub(began).Seconds(), err
	}),
	"wait": with(func(ctx *workflow.WorkflowContext, name string) (any, error) {
		return result(ctx.WaitForExternalEvent(name, forEver))
	}),
	"collect_later": with(func(ctx *workflow.WorkflowContext, count int) (any, error) {
		if err := activity(ctx, "gated", ctx.ID(), "").Await(nil); err != nil {
			return nil, err
		}
		got := make([]any, count)
		for number := range got {
			if err := ctx.WaitForExternalEvent("item", forEver).Await(&got[number]); err != nil {
				return nil, err
			}
		}
		return got, nil
	}),
	"wait_at_most": with(func(ctx *workflow.WorkflowContext, seconds float64) (any, error) {
		got, err := result(ctx.WaitForExternalEvent("go", time.Duration(seconds*float64(time.Second))))
		if errors.Is(err, task.ErrTaskCanceled) {
			return "timed out", nil
		}
		return got, err
	}),
	"note_after_event": with(func(ctx *workflow.WorkflowContext, key string) (any, error) {
		if err := ctx.WaitForExternalEvent("go", forEver).Await(nil); err != nil {
			return nil, err
		}
		return result(activity(ctx, "noted", key, ""))
	}),
	"steps_with_gate": with(func(ctx *workflow.WorkflowContext, key string) (any, error) {
		steps := []struct{ name, input string }{{"noted", key + " before"}, {"gated", key}, {"noted", key + " after"}}
		got := make([]string, len(steps))
		for number, step := range steps {
			if err := activity(ctx, step.name, step.input, "").Await(&got[number]); err != nil {
				return nil, err
			}
		}
		return got, nil
	}),
	"generations": with(func(ctx *workflow.WorkflowContext, state generation) (any, error) {
		var got any
		if err := ctx.WaitForExternalEvent("item", forEver).Await(&got); err != nil {
			return nil, err
		}
		state.Taken = append(state.Taken, got)
		if len(state.Taken) < state.Until {
			ctx.ContinueAsNew(state, workflow.WithKeepUnprocessedEvents())
			return nil, nil
		}
		return state.Taken, nil
	}),
	"say": func(ctx *workflow.WorkflowContext) (any, error) {
		ctx.SetCustomStatus("waiting")
		if err := ctx.WaitForExternalEvent("go", forEver).Await(nil); err != nil {
			return nil, err
		}
		ctx.SetCustomStatus("going")
		return "said", ctx.WaitForExternalEvent("end", forEver).Await(nil)
	},
	"many_steps": with(func(ctx *workflow.WorkflowContext, count int) (any, error) {
		for range count {
			if err := activity(ctx, "noted", ctx.ID(), "").Await(nil); err != nil {
				return nil, err
			}
		}
		return count, nil
	}),
	"patched": func(ctx *workflow.WorkflowContext) (any, error) {
		got := []bool{ctx.IsPatched("first")}
		for number, patches := range [][]string{{"first", "second"}, {}} {
			if err := activity(ctx, "double", number, "").Await(nil); err != nil {
				return nil, err
			}
			for _, patch := range patches {
				got = append(got, ctx.IsPatched(patch))
			}
		}
		return got, nil
	},
	// forget asks for an activity and does not wait for it.
	"forget": with(func(ctx *workflow.WorkflowContext, key string) (any, error) {
		activity(ctx, "noted", key, "")
		return "forgotten", nil
	}),
}

// generation is the input of `generations`.
type generation struct {
	Taken []any `json:"taken"`
	Until int   `json:"until"`
}

// version returns a workflow that tells which version of it ran.
func version(name string) workflow.Workflow {
	return func(ctx *workflow.WorkflowContext) (any, error) {
		if err := activity(ctx, "double", 1, "").Await(nil); err != nil {
			return nil, err
		}
		return name, ctx.WaitForExternalEvent("go", forEver).Await(nil)
	}
}
