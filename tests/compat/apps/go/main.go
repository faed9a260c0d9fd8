// The app of the matrix (see apps/features.py) in Go, and its client program: `app` serves, `app drive` reads calls.
//
// Each SDK has a folder with its module and the file that connects; the tests build them together.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/dapr/durabletask-go/workflow"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	client, err := connect()
	must(err)
	if len(os.Args) > 1 && os.Args[1] == "drive" {
		drive(ctx, client)
		return
	}
	must(client.StartWorker(ctx, registry()))
	fmt.Println("ready")
	<-ctx.Done()
}

func registry() *workflow.Registry {
	names := workflow.NewRegistry()
	for name, run := range activities {
		must(names.AddActivityN(name, run))
	}
	for name, run := range workflows {
		must(names.AddWorkflowN(name, run))
	}
	versions := strings.Split(os.Getenv("VERSIONS"), ",")
	for number, name := range versions {
		must(names.AddVersionedWorkflowN("versioned", name, number == len(versions)-1, version(name)))
	}
	return names
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
