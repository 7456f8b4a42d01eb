// Command attacker does what a compromised sandbox process could do. It takes
// the sandbox's directory and file FDs and its place (namespaces, root, user,
// capabilities, no_new_privs), and tries to leave the mounts that it got FDs
// of. It is not restrained by the sandbox's seccomp filters, except where an
// attempt is about them.
//
// It reads a job as JSON from stdin and prints the results as JSON. Run it as
// root.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"github.com/directfs/runsc/runsc/internal/e2e/attacker/job"
)

func main() {
	runtime.LockOSThread()
	run := takePlace
	if len(os.Args) == 2 {
		run = attackWith
	}
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "attacker: %v\n", err)
		os.Exit(1)
	}
}

// takePlace runs the job's attempts one after the other.
func takePlace() error {
	var j job.Job
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		return fmt.Errorf("reading job: %w", err)
	}
	s, err := open(j.PID, j.Only)
	if err != nil {
		return err
	}
	results := []job.Result{}
	for _, name := range j.Attempts {
		r, err := s.attempt(j, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		results = append(results, r)
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

// attackWith is the second run of the program, in the sandbox's place. Its
// argument is the FD with the job of one attempt.
func attackWith() error {
	fd, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	var in job.Inner
	data, err := readAll(fd)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("reading job: %w", err)
	}
	do, ok := attempts[in.Attempt]
	if !ok {
		return fmt.Errorf("no attempt %q", in.Attempt)
	}
	if err := checkPlace(in); err != nil {
		return err
	}
	a := newAttack(in)
	if err := do(a); err != nil {
		return err
	}
	return a.report()
}
