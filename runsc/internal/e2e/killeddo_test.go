package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// The directory, the mount in it and the cgroup of a "do" that was killed go
// with the next "do" that has the same temporary directory.
func TestKilledDo(t *testing.T) {
	lab := newLab(t)
	tempTo(t, lab)
	b := lab.Bundle(t)
	c, root := attachDo(t, lab, b)
	// One that runs is nobody else's business.
	next := func() {
		t.Helper()
		res, err := lab.Command(harness.Context(t), "do", "--quiet", "--root="+b.Rootfs(), harness.GuestPath)
		if err != nil || strings.Contains(res.Stderr, "do:") {
			t.Errorf("do: %+v, %v", res, err)
		}
	}
	next()
	if _, err := os.Stat(root); err != nil {
		t.Error(err)
	}
	if err := c.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := c.End(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	next()
	if left, err := os.ReadDir(lab.TempDir); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	lab.CheckGone(t, c.ID)
}

// The cgroups of commands that draw an id and fail go with them. Their logs say
// which those are.
func TestFailedCommandsLeaveNoCgroups(t *testing.T) {
	lab := newLab(t)
	tempTo(t, lab)
	b := underAFile(t, lab)
	options := filepath.Join(b.Dir, "options.textproto")
	text := fmt.Sprintf("mounts { target: '/file' host_mount { host_path: %q } }\nmounts { target: '/file/a' host_mount { host_path: %q } }\n",
		filepath.Join(b.Rootfs(), "file"), b.Source("/file/a"))
	if err := os.WriteFile(options, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"do", "--root=" + b.Rootfs(), "--volume=" + filepath.Dir(b.Source("/file/a")) + ":/file/a", "/guest"},
		{"sandboxexec", "--options=" + options, "/guest"},
	} {
		t.Run(args[0], func(t *testing.T) {
			logs := t.TempDir()
			res, err := lab.With("--debug", "--debug-log="+logs+"/").Command(harness.Context(t), args...)
			if err != nil {
				t.Fatal(err)
			}
			checkReason(t, args[0], res, "not a directory")
			lab.CheckGone(t, drawnID(t, logs))
		})
	}
}

// drawnID is the id that is in the logs of a command that draws one.
func drawnID(t *testing.T, logs string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(logs, "*"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if id := regexp.MustCompile(`\brunsc-[0-9]{6}\b`).FindString(string(text)); id != "" {
			return id
		}
	}
	t.Fatalf("no id in %q", files)
	return ""
}
