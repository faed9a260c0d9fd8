package main

import (
	"context"
	"log"
	"os"

	"github.com/dapr/durabletask-go/workflow"
	"github.com/dapr/go-sdk/client"
)

func connect() (*workflow.Client, error) {
	// The SDK logs to stdout, which is for answers.
	client.SetLogger(log.New(os.Stderr, "", 0))
	return client.NewWorkflowClient(watching()...)
}

// This SDK's calls name no other app.

func options(map[string]any) chosen { return chosen{} }

func suspend(ctx context.Context, client *workflow.Client, id string, _ map[string]any) error {
	return client.SuspendWorkflow(ctx, id, "")
}

func resume(ctx context.Context, client *workflow.Client, id string, _ map[string]any) error {
	return client.ResumeWorkflow(ctx, id, "")
}
