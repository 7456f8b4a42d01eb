package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
)

// underAFile is a mount whose mount point cannot be made; the gofer finds out.
func underAFile(t *testing.T, lab *harness.Lab, opts ...harness.Option) *harness.Bundle {
	t.Helper()
	b := lab.Bundle(t, append(opts, harness.Mount("/a"), harness.Args("serve"))...)
	if err := os.WriteFile(filepath.Join(b.Rootfs(), "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range b.Spec.Mounts {
		if b.Spec.Mounts[i].Destination == "/a" {
			b.Spec.Mounts[i].Destination = "/file/a"
		}
	}
	if err := b.Save(); err != nil {
		t.Fatal(err)
	}
	return b
}

// Whatever process cannot go on, the command's error says why, on stderr and in
// the last record of the log that containerd and docker read.
func TestErrorsNameTheReason(t *testing.T) {
	lab := newLab(t)
	tempTo(t, lab)
	b := underAFile(t, lab)
	reason := `"/file/a": not a directory`
	for _, command := range []string{"create", "run", "run --detach", "restore"} {
		log := filepath.Join(b.Dir, "log")
		args := append(strings.Fields(command), "--bundle="+b.Dir)
		if command == "restore" {
			args = append(args, "--image-path="+b.Dir)
		}
		id := lab.ID()
		res, err := lab.With("--log="+log).Command(harness.Context(t), append(args, id)...)
		if err != nil {
			t.Fatal(err)
		}
		checkReason(t, command, res, "gofer process: ", reason)
		checkLastRecord(t, log, "gofer process: ", reason)
		lab.CheckGone(t, id)
	}
	source := filepath.Dir(b.Source("/file/a"))
	res, err := lab.Command(harness.Context(t), "do", "--root="+b.Rootfs(), "--volume="+source+":/file/a", "/guest")
	if err != nil {
		t.Fatal(err)
	}
	checkReason(t, "do", res, "gofer process: ", reason)
}

// The gofer of a container that joins a sandbox comes when it is started.
func TestErrorsOfMembersNameTheReason(t *testing.T) {
	lab := newLab(t)
	pause := servePod(t, lab, lab.Runtime, true, harness.PodSandbox())
	c, err := lab.Create(harness.Context(t), lab.ID(), underAFile(t, lab, harness.PodMember(pause.ID, "app")))
	if err != nil {
		t.Fatal(err)
	}
	res, err := lab.Command(harness.Context(t), "start", c.ID)
	if err != nil {
		t.Fatal(err)
	}
	checkReason(t, "start", res, "gofer process: ", `"/file/a": not a directory`)
	if res, err := lab.Command(harness.Context(t), "delete", "--force", c.ID); err != nil || res.ExitCode != 0 {
		t.Errorf("delete: %+v, %v", res, err)
	}
	stop(t, lab, pause)
}

func checkReason(t *testing.T, command string, r harness.Result, words ...string) {
	t.Helper()
	for _, w := range words {
		if r.ExitCode == 0 || !strings.Contains(r.Stderr, w) {
			t.Errorf("%s: exit code %d, %q, want %q", command, r.ExitCode, r.Stderr, w)
		}
	}
}

// checkLastRecord expects the last record of a log to have the words.
func checkLastRecord(t *testing.T, log string, words ...string) {
	t.Helper()
	file, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var last struct{ Msg, Level string }
	for d := json.NewDecoder(file); d.More(); {
		if err := d.Decode(&last); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range words {
		if last.Level != "error" || !strings.Contains(last.Msg, w) {
			t.Errorf("the last record is %+v, want %q", last, w)
		}
	}
}
