package e2e

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// nobodys is a user of whom the machine knows nothing.
const nobodys = 12345

// give makes a daemon the user's, with all that it needs.
func (l *lab) give(t *testing.T, cmd *exec.Cmd, config string) {
	t.Helper()
	program := filepath.Join(l.dir, "volumed") // go test keeps its own in a directory that is root's
	check(t, copyFile(program, os.Args[0], 0o755))
	cmd.Path = program
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: l.user, Gid: l.user}}
	for _, path := range []string{l.dir, config, l.settings.Volumes["shelf"].EnvFile} {
		check(t, os.Chown(path, int(l.user), int(l.user)))
	}
}

func copyFile(to, from string, mode os.FileMode) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// A user without privileges has containers with volumes of a daemon of their own.
func TestRootless(t *testing.T) {
	l := newLab(t, func(l *lab) {
		l.user = nobodys
		env := filepath.Join(l.dir, "s3.env")
		shelf := l.settings.Volumes["shelf"]
		check(t, copyFile(env, shelf.EnvFile, 0o600))
		shelf.EnvFile = env
		l.settings.Volumes["shelf"] = shelf
		delete(l.settings.Volumes, "other")
		delete(l.settings.Volumes, "readonly")
		l.Runtime = l.With("--rootless", "--directfs=true")
		var err error
		l.Runtime, err = l.As(l.user)
		check(t, err)
	})
	l.put(t, "shelf", "object", "old")
	b := l.Bundle(t, harness.OwnedBy(nobodys), harness.Mount("/a"), mount("/v", "shelf"), harness.Args("serve"))
	c, err := l.RunDetached(harness.Context(t), l.ID(), b)
	check(t, err)
	l.Keep(t, c)
	line(t, c)
	expectGuest(t, c, "old", "cat", "/v/object")
	guest(t, c, "write", "/v/file", "new")
	guest(t, c, "ops", "/a")
	l.expectObject(t, "file", "new\n")
	s, err := harness.ReadStatus(l.daemon.worker(t))
	check(t, err)
	if s.Uid != [4]int{nobodys, nobodys, nobodys, nobodys} || s.Effective != 0 {
		t.Errorf("the worker has the users %v and the capabilities %v", s.Uid, s.Effective)
	}
	l.remove(t, c)
	l.expectClean(t)
}
