package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/directfs/runsc/runsc/harness"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A client that is killed while it deletes a container of a pod may leave what
// the sandbox has destroyed already. That is stopped, and can be deleted.
func TestKilledDelete(t *testing.T) {
	lab := newLab(t)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	c := lab.Serve(t, lab.Bundle(t, harness.PodMember(pause.ID, "app"), harness.Mount("/a"), harness.Args("serve")))
	files, err := filepath.Glob(filepath.Join(lab.Root, c.ID+"_*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%q, %v", files, err)
	}
	before := map[string][]byte{}
	for _, f := range files {
		if before[f], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	remove(t, lab, c)
	for f, data := range before {
		if err := os.WriteFile(f, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := c.State(harness.Context(t)); err != nil || s.Status != specs.StateStopped {
		t.Errorf("%+v, %v", s, err)
	}
	if res, err := lab.Command(harness.Context(t), "delete", c.ID); err != nil || res.ExitCode != 0 {
		t.Errorf("delete: %+v, %v", res, err)
	}
	lab.CheckGone(t, c.ID)
	stop(t, lab, pause)
}

// Of several containers each is deleted when it is its turn, also if somebody has
// a later one locked.
func TestDeleteBeforeOneThatIsLocked(t *testing.T) {
	lab := newLab(t)
	first, second := lab.Serve(t, lab.Bundle(t, harness.Args("serve"))), lab.Serve(t, lab.Bundle(t, harness.Args("serve")))
	lock, err := os.Open(filepath.Join(lab.Root, second.ID+"_sandbox:"+second.ID+".lock"))
	check(t, err)
	defer lock.Close()
	check(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	client := clientOf(lab, "delete", "--force", first.ID, second.ID)
	check(t, client.Start())
	state := filepath.Join(lab.Root, first.ID+"_sandbox:"+first.ID+".state")
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(state); os.IsNotExist(err) {
			break
		}
		if time.Now().After(deadline) {
			t.Error("the first one waits for the second one's lock")
			break
		}
	}
	lock.Close()
	check(t, client.Wait())
	lab.CheckGone(t, first.ID)
	lab.CheckGone(t, second.ID)
}
