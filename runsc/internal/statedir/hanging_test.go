package statedir

import (
	"encoding/binary"
	"fmt"
	"os"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// hanging mounts a file system whose server accepts the connection and then
// answers nothing (fuse(4)). asked is closed when somebody waits for it.
func hanging(t *testing.T) (dir string, asked chan struct{}) {
	t.Helper()
	dir, asked = t.TempDir(), make(chan struct{})
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("fuse", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd)); err != nil {
		t.Fatal(err)
	}
	server := os.NewFile(uintptr(fd), "fuse")
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	go func() {
		const header, body = 16, 64 // struct fuse_out_header, struct fuse_init_out
		request := make([]byte, 1<<17)
		if _, err := server.Read(request); err != nil {
			return
		}
		answer := binary.NativeEndian.AppendUint32(nil, header+body)
		answer = append(append(answer, 0, 0, 0, 0), request[8:16]...) // no error, the request's number
		answer = binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(answer, 7), 31)
		if _, err := server.Write(append(answer, make([]byte, header+body-len(answer))...)); err != nil {
			return
		}
		if _, err := server.Read(request); err == nil {
			close(asked)
		}
	}()
	return dir, asked
}

// in fails the test if something takes too long.
func in(t *testing.T, d time.Duration, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatalf("%s hangs", what)
	}
}

// A volume whose file system does not answer keeps nobody from creating a
// container without it.
func TestBeginBesideOneThatHangs(t *testing.T) {
	root, ended := t.TempDir(), make(chan struct{})
	t.Cleanup(func() { <-ended }) // comes after the end of the file system
	dir, asked := hanging(t)
	go func() {
		defer close(ended)
		if c, err := Begin(root, ID{SandboxID: "h", ContainerID: "h"}, time.Now(), plan(t, true), &specs.Spec{Root: &specs.Root{Path: dir}}, nil); err == nil {
			_ = c.Abandon()
		}
	}()
	<-asked
	in(t, 10*time.Second, "creating another container", func() {
		if err := begin(t, root, true).Abandon(); err != nil {
			t.Error(err)
		}
	})
}

// It keeps nobody from anything when the client has died, either.
func TestSweepOfFilesThatHang(t *testing.T) {
	root := t.TempDir()
	c := begin(t, root, true)
	dir, _ := hanging(t)
	c.record.Files = []string{dir + "/file"}
	if err := c.write(); err != nil {
		t.Fatal(err)
	}
	c.die(t)
	in(t, 10*time.Second, "the sweep", func() { Sweep(root) })
	expectFiles(t, root, theCreating)
}
