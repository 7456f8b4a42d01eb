package guide

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Options are the environment of the commands.
type Options struct {
	Dir string   // the working directory at the beginning
	Env []string // all variables

	// Where chooses the blocks that are executed: those with this word.
	Where string
}

// Deadline is how long a guide may take.
const Deadline = 5 * time.Minute

// Run executes the guide and fails the test where a reader would be stuck.
func Run(tb testing.TB, document string, o Options) {
	tb.Helper()
	blocks, err := Read(document)
	if err != nil {
		tb.Fatal(err)
	}
	blocks = slices.DeleteFunc(blocks, func(b Block) bool { return b.Where != o.Where })
	if len(blocks) == 0 {
		tb.Fatalf("%s has no block of commands", document)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), Deadline)
	defer cancel()
	if err := Execute(ctx, blocks, o); err != nil {
		tb.Fatalf("%s: %v", document, err)
	}
}

// Execute executes the blocks and compares what they print. The error shows the
// first block that fails, with its line and what it printed.
func Execute(ctx context.Context, blocks []Block, o Options) error {
	dir, err := os.MkdirTemp("", "guide")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte(compose(blocks, dir)), 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "bash", "--noprofile", "--norc", script)
	cmd.Dir, cmd.Env = o.Dir, o.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// Files, not pipes: a daemon that a guide starts may keep them open.
	ended := cmd.Run()
	if ctx.Err() != nil {
		ended = fmt.Errorf("%w (%w)", ctx.Err(), ended)
	}
	return judge(blocks, dir, ended)
}

// compose makes one script of the blocks. A command is in the line that it has
// in the document, which bash's own messages then name, too.
func compose(blocks []Block, dir string) string {
	var s strings.Builder
	line := 1
	for i, b := range blocks {
		// The fence is the line before the first command, and free.
		for ; line < b.Line-1; line++ {
			s.WriteString("\n")
		}
		if i == 0 {
			fmt.Fprintf(&s, "set -Eeuo pipefail; trap 'echo $LINENO >%s' ERR; ", filepath.Join(dir, "line"))
		}
		fmt.Fprintf(&s, "exec >%s 2>&1 </dev/null\n", output(dir, i))
		line++
		for _, c := range b.Commands {
			s.WriteString(c + "\n")
			line++
		}
	}
	return s.String()
}

func output(dir string, block int) string { return filepath.Join(dir, fmt.Sprint("output", block)) }

// judge looks at what the blocks printed, up to the one that failed.
func judge(blocks []Block, dir string, ended error) error {
	for i, b := range blocks {
		printed, err := os.ReadFile(output(dir, i))
		if err != nil {
			return errors.Join(fmt.Errorf("line %d: the block was not executed", b.Line), ended)
		}
		_, err = os.Stat(output(dir, i+1))
		if last := i == len(blocks)-1; ended != nil && (last || err != nil) {
			line, _ := os.ReadFile(filepath.Join(dir, "line"))
			return fmt.Errorf("line %d: the block failed at line %s (%w):\n\n%s\n\nit printed\n\n%s",
				b.Line, orUnknown(strings.TrimSpace(string(line))), ended, strings.Join(b.Commands, "\n"), printed)
		}
		if !b.HasWant {
			continue
		}
		if differs := compare(b.Want, string(printed)); differs != "" {
			return fmt.Errorf("line %d: the block\n\n%s\n\nprinted something else than the block at line %d says: %s",
				b.Line, strings.Join(b.Commands, "\n"), b.WantLine, differs)
		}
	}
	return nil
}

func orUnknown(line string) string {
	if line == "" {
		return "unknown"
	}
	return line
}
