package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// runServe reports and then stays, so that a test can look at the sandbox from
// outside. The handler is in place before the report is out: whoever has read
// the report may send SIGTERM.
func runServe(dirs []string) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM)
	err := runReport(dirs)
	if err != nil && !errors.Is(err, errFailedOps) {
		return err
	}
	<-stop
	return err
}

// runCounter holds a file open across a checkpoint. It prints the number of
// each line after the line is on disk; "0" says that it is ready for SIGUSR1.
func runCounter(args []string) error {
	if err := want(args, 1); err != nil {
		return err
	}
	f, err := os.OpenFile(args[0], os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGUSR1, unix.SIGTERM)
	for n := 0; ; {
		fmt.Println(n)
		if s := <-signals; s == unix.SIGTERM {
			return nil
		}
		n++
		if _, err := fmt.Fprintf(f, "line %d\n", n); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
}
