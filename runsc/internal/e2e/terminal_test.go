package e2e

import (
	"bufio"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A container's terminal works beside mounts of both kinds.
func TestTerminal(t *testing.T) {
	lab := newLab(t)
	b := lab.Bundle(t, harness.Mount("/a", "rw", "directfs=on"), harness.Mount("/b", "rw", "directfs=off"), harness.Args("ops", "/a", "/b"),
		harness.Edit(func(s *specs.Spec) { s.Process.Terminal = true }))
	lines := bufio.NewScanner(startOnTerminal(t, lab, b))
	for _, want := range []string{`{"dir":"/a","ok":true}`, `{"dir":"/b","ok":true}`} {
		if !lines.Scan() {
			t.Fatalf("the terminal ended before %s: %v", want, lines.Err())
		}
		if got := strings.TrimSpace(lines.Text()); got != want {
			t.Errorf("the terminal shows %q, want %q", got, want)
		}
	}
}

// startOnTerminal starts a container, and returns the other end of its terminal.
// The container is deleted when the test ends.
func startOnTerminal(t *testing.T, lab *harness.Lab, b *harness.Bundle) *os.File {
	t.Helper()
	socket := filepath.Join(b.Dir, "console")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	id := lab.ID()
	command(t, lab.Runtime, "create", "--bundle="+b.Dir, "--console-socket="+socket, id)
	t.Cleanup(func() {
		// The test's own context is over.
		ctx, cancel := context.WithTimeout(context.Background(), harness.Deadline)
		defer cancel()
		if res, err := lab.Command(ctx, "delete", "--force", id); err != nil || res.ExitCode != 0 {
			t.Errorf("delete: %+v, %v", res, err)
		}
	})
	console := acceptFile(t, listener)
	t.Cleanup(func() { console.Close() })
	command(t, lab.Runtime, "start", id)
	return console
}

// acceptFile takes the file that a runtime sends over a console socket.
func acceptFile(t *testing.T, listener *net.UnixListener) *os.File {
	t.Helper()
	conn, err := listener.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(make([]byte, 64), oob)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d control messages: %v", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("%d FDs: %v", len(fds), err)
	}
	return os.NewFile(uintptr(fds[0]), "console")
}
