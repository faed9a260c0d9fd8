package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dapr/durabletask-go/workflow"
)

var errNotYet = errors.New("not yet")

// asked is what workflows and activities are asked for; each takes what it needs. See apps/features.py.
type asked struct {
	Activity string `json:"activity,omitempty"`
	Workflow string `json:"workflow,omitempty"`
	Input    any    `json:"input,omitempty"`
	App      string `json:"app,omitempty"`
	ID       string `json:"id,omitempty"`
	Key      string `json:"key,omitempty"`
	Times    int    `json:"times,omitempty"`
	Count    int    `json:"count,omitempty"`
}

var activities = map[string]workflow.Activity{
	"double": func(ctx workflow.ActivityContext) (any, error) {
		var number int
		err := ctx.GetInput(&number)
		return 2 * number, err
	},
	"noted": func(ctx workflow.ActivityContext) (any, error) {
		var key string
		err := ctx.GetInput(&key)
		note(key)
		return key, err
	},
	"gated": func(ctx workflow.ActivityContext) (any, error) {
		var key string
		if err := ctx.GetInput(&key); err != nil {
			return nil, err
		}
		note(key)
		return key, passGate(key)
	},
	"letters": func(ctx workflow.ActivityContext) (any, error) {
		var count int
		err := ctx.GetInput(&count)
		return strings.Repeat("x", count), err
	},
	"refuse": func(ctx workflow.ActivityContext) (any, error) {
		var word string
		if err := ctx.GetInput(&word); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("no money for %s", word)
	},
	"fail_until": func(ctx workflow.ActivityContext) (any, error) {
		var a asked
		if err := ctx.GetInput(&a); err != nil {
			return nil, err
		}
		note(a.Key)
		if runs(a.Key) < a.Times {
			return nil, errNotYet
		}
		return "at last", nil
	},
	"count": func(ctx workflow.ActivityContext) (any, error) {
		var key string
		err := ctx.GetInput(&key)
		note(key)
		return runs(key), err
	},
}
