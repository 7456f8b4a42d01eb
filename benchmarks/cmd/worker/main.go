// Command worker runs the workloads in its working directory. It is static, and
// the same program runs in containers and on the host.
//
//	worker serve    answer requests on stdin, one JSON object a line, until its end
//	worker true     do nothing
//	worker mounts   print the mount of the working directory; harness.Requirements tries it
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/directfs/runsc/benchmarks/workload"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "true":
	case len(os.Args) == 2 && os.Args[1] == "serve":
		err = serve(os.Stdin, os.Stdout)
	case len(os.Args) == 2 && os.Args[1] == "mounts":
		err = printMount()
	default:
		err = errors.New("usage: worker serve|true|mounts")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "worker: %v\n", err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	mount, err := ownMount()
	if err != nil {
		return err
	}
	answers := json.NewEncoder(out)
	if err := answers.Encode(workload.Hello{Mount: mount}); err != nil {
		return err
	}
	requests := json.NewDecoder(bufio.NewReader(in))
	for {
		var r workload.Request
		if err := requests.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		a, err := workload.Run(r)
		if err != nil {
			a.Error = err.Error()
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

func printMount() error {
	mount, err := ownMount()
	if err != nil {
		return err
	}
	_, err = fmt.Println(mount)
	return err
}

// ownMount finds the working directory in /proc/mounts (proc(5)). The last
// mount at a place is the one that is seen.
func ownMount() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	table, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return "", err
	}
	mount := ""
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == wd {
			mount = strings.TrimSpace(line)
		}
	}
	return mount, nil
}
