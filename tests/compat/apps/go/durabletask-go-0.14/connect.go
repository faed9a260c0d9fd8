package main

import (
	"context"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/dapr/durabletask-go/workflow"
)

func connect() (*workflow.Client, error) {
	to := append(watching(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	connection, err := grpc.NewClient("127.0.0.1:"+os.Getenv("DAPR_GRPC_PORT"), to...)
	if err != nil {
		return nil, err
	}
	return workflow.NewClient(connection), nil
}

func options(named map[string]any) (which chosen) {
	if app, given := named["app_id"].(string); given {
		which.start = append(which.start, workflow.WithAppID(app))
		which.fetch = append(which.fetch, workflow.WithFetchAppID(app))
		which.raise = append(which.raise, workflow.WithRaiseEventAppID(app))
		which.terminate = append(which.terminate, workflow.WithTerminateAppID(app))
		which.purge = append(which.purge, workflow.WithPurgeAppID(app))
	}
	return which
}

func suspend(ctx context.Context, client *workflow.Client, id string, named map[string]any) error {
	if app, given := named["app_id"].(string); given {
		return client.SuspendWorkflow(ctx, id, "", workflow.WithSuspendAppID(app))
	}
	return client.SuspendWorkflow(ctx, id, "")
}

func resume(ctx context.Context, client *workflow.Client, id string, named map[string]any) error {
	if app, given := named["app_id"].(string); given {
		return client.ResumeWorkflow(ctx, id, "", workflow.WithResumeAppID(app))
	}
	return client.ResumeWorkflow(ctx, id, "")
}
