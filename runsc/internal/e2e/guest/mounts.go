package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
)

// errFailedOps makes the exit code 1; the JSON already says what failed.
var errFailedOps = errors.New("file operations failed")

func printJSON(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

func readMounts() ([]report.Mount, error) {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, fmt.Errorf("read mount table: %w", err)
	}
	return report.ParseMounts(string(table)), nil
}

func runMounts(args []string) error {
	if err := want(args, 0); err != nil {
		return err
	}
	m, err := readMounts()
	if err != nil {
		return err
	}
	return printJSON(m)
}

func runReport(dirs []string) error {
	r := report.Report{Ops: allOps(dirs)}
	var err error
	if r.Mounts, err = readMounts(); err != nil {
		return err
	}
	if err := printJSON(r); err != nil {
		return err
	}
	return failed(r.Ops)
}

func failed(ops []report.Ops) error {
	for _, o := range ops {
		if !o.OK {
			return fmt.Errorf("%w: %s: %s", errFailedOps, o.Dir, o.Failed)
		}
	}
	return nil
}

// runDemo is for people: which mounts does a gofer serve, and how.
func runDemo(args []string) error {
	if err := want(args, 0); err != nil {
		return err
	}
	mounts, err := readMounts()
	if err != nil {
		return err
	}
	fmt.Printf("%-16s %-10s %s\n", "MOUNT", "ACCESS", "OPTIONS")
	for _, m := range mounts {
		if m.Type != report.GoferType {
			continue
		}
		access := "lisafs"
		if m.Has("directfs") {
			access = "directfs"
		}
		fmt.Printf("%-16s %-10s %s\n", m.Mount, access, strings.Join(m.Options, ","))
	}
	return nil
}
