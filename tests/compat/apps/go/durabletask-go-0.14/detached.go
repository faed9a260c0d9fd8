package main

import "github.com/dapr/durabletask-go/workflow"

func init() {
	// detach starts a workflow that lives on its own, and ends at once.
	workflows["detach"] = with(func(ctx *workflow.WorkflowContext, a asked) (any, error) {
		options := []workflow.DetachedWorkflowOptions{workflow.WithDetachedWorkflowInput(a.Input)}
		if a.ID != "" {
			options = append(options, workflow.WithDetachedWorkflowInstanceID(a.ID))
		}
		if a.App != "" {
			options = append(options, workflow.WithDetachedWorkflowAppID(a.App))
		}
		return ctx.ScheduleNewWorkflow(a.Workflow, options...)
	})
}
