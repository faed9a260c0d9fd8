package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	poll     = 20 * time.Millisecond
	patience = time.Minute
)

// note appends a line to the file that all apps share; one write, so that lines stay whole. It is spaced as
// Python's json does it: runs of every app counts the lines of every app.
func note(key string) {
	file, err := os.OpenFile(os.Getenv("EFFECTS"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	if _, err := fmt.Fprintf(file, "{\"key\": %s, \"pid\": %d}\n", quoted(key), os.Getpid()); err != nil {
		panic(err)
	}
}

func runs(key string) int {
	lines, err := os.ReadFile(os.Getenv("EFFECTS"))
	if err != nil {
		panic(err)
	}
	return strings.Count(string(lines), "\"key\": "+quoted(key))
}

func quoted(key string) string {
	text, _ := json.Marshal(key)
	return string(text)
}

// passGate waits until the test has opened a gate.
func passGate(name string) error {
	gate := filepath.Join(os.Getenv("GATES"), name)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(poll) {
		if _, err := os.Stat(gate); err == nil {
			return nil
		}
	}
	return fmt.Errorf("nobody opened the gate %s", name)
}
