package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// A bucket beside a directory: everything that files are for works, and what the
// container sees is what the store has.
func TestMixed(t *testing.T) {
	l := newLab(t)
	l.put(t, "shelf", "ro/note", "only to be read")
	l.put(t, "shelf", "dir/from-outside", "outside")
	c := l.Serve(t, l.Bundle(t, harness.Mount("/a"), mount("/v", "shelf"), mount("/ro", "readonly", "ro"), harness.Args("serve", "/", "/a")))
	r, err := c.Report(harness.Context(t))
	check(t, err)
	for _, ops := range r.Ops {
		if !ops.OK {
			t.Errorf("operations in %s failed at %s", ops.Dir, ops.Failed)
		}
	}
	expectGuest(t, c, "outside", "cat", "/v/dir/from-outside")
	expectGuest(t, c, "only to be read", "cat", "/ro/note")
	if r, err := c.Exec(harness.Context(t), "write", "/ro/note", "x"); err != nil || !strings.Contains(r.Stderr, "read-only file system") {
		t.Errorf("writing to a read-only mount: %+v, %v", r, err)
	}
	expectGuest(t, c, `["from-outside"]`, "list", "/v/dir")

	guest(t, c, "write", "/v/dir/written", "text")
	l.expectObject(t, "dir/written", "text\n")
	expectGuest(t, c, `["from-outside","written"]`, "list", "/v/dir")
	if got := guest(t, c, "stat", "/v/dir/written"); got != `{"gid":0,"mode":"-rwxr-xr-x","perm":"0755","size":5,"uid":0}` {
		t.Error(got)
	}
	if err := c.Stop(harness.Context(t)); err != nil {
		t.Error(err)
	}
	l.expectClean(t)
}

// Changes of names, and of files that are open.
func TestChanges(t *testing.T) {
	l := newLab(t)
	l.put(t, "shelf", "log", "first ")
	steps := []struct{ step, want string }{
		{"mkdir /v/new", "ok"},
		{"open f create /v/new/file", "ok"}, {"write f text", "ok"}, {"close f", "ok"},
		{"open l append /v/log", "ok"}, {"write l second", "ok"}, {"close l", "ok"}, {"cat /v/log", "first second"},
		{"rename /v/new/file /v/moved", "ok"}, {"list /v", "log moved new"}, {"remove /v/new", "ok"},
		{"rename /v/moved /v/log", "ok"}, {"list /v", "log"}, {"cat /v/log", "text"},
		{"link /v/log /v/second", "EPERM"}, {"symlink log /v/link", "EPERM"},
		{"chmod /v/log", "EPERM"}, {"mode /v/log", "0755"},
		{"open r create /v/removed", "ok"}, {"write r x", "ok"}, {"remove /v/removed", "ok"}, {"pread r", "x"}, {"close r", "ok"},
	}
	var texts []string
	for _, s := range steps {
		texts = append(texts, s.step)
	}
	c := l.script(t, texts, mount("/v", "shelf"))
	for _, s := range steps {
		t.Log(s.step)
		step(t, c, s.want)
	}
	l.expectObject(t, "log", "text")
	for _, key := range []string{"moved", "removed", "new/file", "new/"} {
		if content, ok := l.object(t, "shelf", key); ok {
			t.Errorf("object %s is still there, with %q", key, content)
		}
	}
	l.remove(t, c)
	l.expectClean(t)
}

const large = 20 << 20

// filled is what the guest's command fill writes.
func filled() []byte {
	content := make([]byte, large)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content)
	return content
}

// Large files both ways, and programs from the bucket, read and mapped.
func TestLargeAndPrograms(t *testing.T) {
	l := newLab(t)
	content := make([]byte, large)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(content)
	l.put(t, "shelf", "down", string(content))
	b := l.Bundle(t, mount("/v", "shelf"), harness.Args("serve"))
	program, err := os.ReadFile(filepath.Join(b.Rootfs(), harness.GuestPath))
	check(t, err)
	l.put(t, "shelf", "bin/program", string(program))
	c := l.Serve(t, b)
	expectGuest(t, c, hash(content), "hash", "/v/down")
	expectGuest(t, c, hash(content), "mapped", "/v/down")
	printed := guest(t, c, "fill", "/v/up", "20971520")
	if got, _ := l.object(t, "shelf", "up"); printed != "written\n"+hash(got) || len(got) != large {
		t.Errorf("the guest wrote %s, the object has %d bytes and %s", printed, len(got), hash(got))
	}
	r, err := l.Command(harness.Context(t), "exec", c.ID, "/v/bin/program", "hash", "/v/up")
	if err != nil || r.Err() != nil || "written\n"+r.Stdout != printed+"\n" {
		t.Errorf("the program in the bucket: %+v, %v", r, err)
	}
	l.remove(t, c)
	l.expectClean(t)
}
