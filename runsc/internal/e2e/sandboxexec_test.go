package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// sandboxexec makes a spec of its own, without hints, and leaves the sandbox
// running.
func TestSandboxExec(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			tempTo(t, lab)
			b := lab.Bundle(t, harness.Mount("/a"))
			output := makeFIFO(t, b)
			options := filepath.Join(b.Dir, "options.textproto")
			text := fmt.Sprintf("stdout_file: %q\n", output.Name())
			for target, source := range map[string]string{"/bin": b.Rootfs(), "/a": b.Source("/a")} {
				text += fmt.Sprintf("mounts { target: %q host_mount { host_path: %q } }\n", target, source)
			}
			if err := os.WriteFile(options, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			// The sandbox keeps the command's own output open.
			cmd, err := lab.Attach(harness.Context(t), b, "sandboxexec", "--options="+options, "/bin/guest", "serve", "/a", "/bin")
			if err != nil {
				t.Fatal(err)
			}
			r := readLine(t, output)
			c := adoptSandboxExec(t, lab, b, cmd)
			want := access{"/": directfs, "/a": directfs, "/bin": directfs}
			checkOps(t, c.Bundle, r)
			// An overlay in memory hides the rootfs from the mount table.
			checkMountOptions(t, access{"/a": directfs, "/bin": directfs}, r)
			checkPrivileges(t, c, directfs)
			checkFilters(t, c)
			checkHeld(t, c, direct(want))
			stop(t, lab, c)
			if code, err := cmd.End(harness.Context(t)); err != nil || code != 0 {
				t.Errorf("sandboxexec: exit code %d, %v: %s", code, err, cmd.Stderr.Text())
			}
		})
	}
}

// makeFIFO makes a pipe with a name and opens it, so that nobody waits for the
// other side to open it.
func makeFIFO(t *testing.T, b *harness.Bundle) *os.File {
	t.Helper()
	path := filepath.Join(b.Dir, "out")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// readLine reads the guest's report from a pipe that others have open, too.
func readLine(t *testing.T, f *os.File) report.Report {
	t.Helper()
	deadline, _ := harness.Context(t).Deadline()
	if err := f.SetReadDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// adoptSandboxExec takes over the sandbox that the command tells of.
func adoptSandboxExec(t *testing.T, lab *harness.Lab, b *harness.Bundle, cmd *harness.Attached) *harness.Container {
	t.Helper()
	printed := ""
	for range 2 {
		line, err := cmd.Stdout.Line(harness.Context(t))
		if err != nil {
			t.Fatalf("%v: %s", err, cmd.Stderr.Text())
		}
		printed += line + "\n"
	}
	if err := cmd.Exited(harness.Context(t)); err != nil {
		t.Fatal(err)
	}
	var pid int
	var socket string
	if _, err := fmt.Sscanf(printed, "PID: %d\nControl Socket: %s\n", &pid, &socket); err != nil {
		t.Fatalf("printed %q: %v", printed, err)
	}
	states, err := filepath.Glob(filepath.Join(lab.Root, "runsc-*.state"))
	if err != nil || len(states) != 1 {
		t.Fatalf("state files: %q, %v", states, err)
	}
	roots, err := filepath.Glob(filepath.Join(lab.TempDir, "runsc-sandboxexec*", "rootfs"))
	if err != nil || len(roots) != 1 {
		t.Fatalf("root directories: %q, %v", roots, err)
	}
	id, _, _ := strings.Cut(filepath.Base(states[0]), "_sandbox:")
	its := &harness.Bundle{Dir: filepath.Dir(roots[0]), Spec: &specs.Spec{
		Root: &specs.Root{Path: roots[0]},
		Mounts: []specs.Mount{
			{Destination: "/a", Type: "bind", Source: b.Source("/a")},
			{Destination: "/bin", Type: "bind", Source: b.Rootfs()},
		},
	}}
	c, err := lab.Adopt(id, its)
	if err != nil {
		t.Fatal(err)
	}
	lab.Keep(t, c)
	if c.SandboxPID != pid || !strings.Contains(socket, id) {
		t.Errorf("printed %q, but the sandbox of %s is %d", printed, id, c.SandboxPID)
	}
	return c
}

// However many mounts the options have, which are not known beforehand, the
// processes find the sockets to the command.
func TestSandboxExecManyMounts(t *testing.T) {
	lab := newLab(t)
	tempTo(t, lab)
	b := lab.Bundle(t, harness.Mount("/a"))
	output := makeFIFO(t, b)
	text := fmt.Sprintf("stdout_file: %q\nmounts { target: \"/bin\" host_mount { host_path: %q } }\n", output.Name(), b.Rootfs())
	for i := range 16 {
		text += fmt.Sprintf("mounts { target: \"/m%d\" host_mount { host_path: %q } }\n", i, t.TempDir())
	}
	options := filepath.Join(b.Dir, "options.textproto")
	if err := os.WriteFile(options, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd, err := lab.Attach(harness.Context(t), b, "sandboxexec", "--options="+options, "/bin/guest", "serve")
	if err != nil {
		t.Fatal(err)
	}
	readLine(t, output)
	c := adoptSandboxExec(t, lab, b, cmd)
	stop(t, lab, c)
	if code, err := cmd.End(harness.Context(t)); err != nil || code != 0 {
		t.Errorf("sandboxexec: exit code %d, %v: %s", code, err, cmd.Stderr.Text())
	}
}
