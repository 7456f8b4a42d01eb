package statedir

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"gvisor.dev/gvisor/runsc/boot"
	"gvisor.dev/gvisor/runsc/container"
)

var (
	inPod = ID{ContainerID: "m", SandboxID: "p"}
	ofPod = ID{ContainerID: "p", SandboxID: "p"}
)

// write writes a state as the engine has it.
func (s state) write(t *testing.T, root string, id ID, suffix string, sources ...string) {
	t.Helper()
	s.Spec = &specs.Spec{}
	for _, source := range sources {
		s.Spec.Mounts = append(s.Spec.Mounts, specs.Mount{Source: source})
	}
	data, err := json.Marshal(s)
	do(t, err)
	do(t, os.WriteFile(path(root, id, suffix), data, 0o600))
}

// A client that was killed while it started a container leaves files in the
// sources of mounts, with which it could not be started again. Those of others
// in the sandbox stay, and those of a container that runs.
func TestSweepRemovesFilestores(t *testing.T) {
	for _, status := range []container.Status{container.Created, container.Running} {
		root, shared, own := t.TempDir(), t.TempDir(), t.TempDir()
		state{Status: container.Running}.write(t, root, ofPod, engineSuffix, shared)
		state{Status: status}.write(t, root, inPod, engineSuffix, shared, own)
		state{Status: container.Created}.write(t, root, inPod, savedSuffix, shared, own)
		files := []string{filepath.Join(root, "runsc-p.sock"), boot.SelfFilestorePath(shared, "p"), boot.SelfFilestorePath(own, "p")}
		for _, f := range files {
			do(t, os.WriteFile(f, nil, 0o600))
		}
		Sweep(root)
		for i, want := range []bool{true, true, status == container.Running} {
			if there, err := exists(files[i]); there != want || err != nil {
				t.Errorf("%s: %s: %t, %v, want %t", status, files[i], there, err, want)
			}
		}
		expectFiles(t, root, "m_sandbox:p.state", "p_sandbox:p.state", "runsc-p.sock")
	}
}

// Files that the engine may still use are not removed with a container that was
// not started, or that has none there.
func TestFilestoresOfOthers(t *testing.T) {
	hint := func(source string, share, typ string) state {
		h, err := boot.NewPodMountHints(&specs.Spec{Annotations: map[string]string{
			boot.MountPrefix + "x.source": source, boot.MountPrefix + "x.share": share, boot.MountPrefix + "x.type": typ,
		}})
		do(t, err)
		s := state{}
		s.Sandbox.MountHints, err = json.Marshal(h)
		do(t, err)
		return s
	}
	for name, c := range map[string]struct {
		mine   func(source string) state
		others func(t *testing.T, source string) string
		stays  bool
	}{
		"nobody's":             {stays: false},
		"another's":            {others: func(_ *testing.T, source string) string { return source }, stays: true},
		"another's by a link":  {others: link, stays: true},
		"of a container there": {mine: func(string) state { return state{GoferMountConfs: []json.RawMessage{[]byte(`"lisafs:self"`)}} }, stays: true},
		"of a mount for all":   {mine: func(source string) state { return hint(source, "pod", "tmpfs") }, stays: true},
		"of a hint of one":     {mine: func(source string) state { return hint(source, "pod", "bind") }, stays: false},
		"of another's mount":   {mine: func(string) state { return hint("/elsewhere", "pod", "tmpfs") }, stays: false},
		"another's, elsewhere": {others: func(t *testing.T, _ string) string { return t.TempDir() }, stays: false},
	} {
		t.Run(name, func(t *testing.T) {
			root, source, s := t.TempDir(), t.TempDir(), state{}
			if c.mine != nil {
				s = c.mine(source)
			}
			s.write(t, root, inPod, engineSuffix, source)
			if c.others != nil {
				state{}.write(t, root, ofPod, engineSuffix, c.others(t, source))
			}
			file := boot.SelfFilestorePath(source, "p")
			do(t, os.WriteFile(file, nil, 0o600))
			found, err := FindFilestores(root, inPod)
			do(t, err)
			do(t, found.Remove())
			if there, err := exists(file); there != c.stays || err != nil {
				t.Errorf("there: %t, %v", there, err)
			}
		})
	}
}

// Nothing is in the source of a mount that is a file.
func TestFilestoresInFiles(t *testing.T) {
	root, source := t.TempDir(), filepath.Join(t.TempDir(), "file")
	do(t, os.WriteFile(source, nil, 0o600))
	state{}.write(t, root, inPod, engineSuffix, source)
	found, err := FindFilestores(root, inPod)
	do(t, err)
	do(t, found.Remove())
	if there, err := exists(source); !there || err != nil {
		t.Errorf("the source is there: %t, %v", there, err)
	}
}

// link makes another path for a directory.
func link(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "link")
	do(t, os.Symlink(dir, name))
	return name
}

// A container that joins a sandbox makes no files when it is created: those that
// come meanwhile are another's.
func TestFilesThatComeWhileMemberIsCreated(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, root string, c *Creation){
		"fails": func(t *testing.T, _ string, c *Creation) { do(t, c.Abandon()) },
		"dies":  func(t *testing.T, root string, c *Creation) { c.die(t); Sweep(root) },
	} {
		root, source := t.TempDir(), t.TempDir()
		c, err := Begin(root, inPod, time.Now(), plan(t, true), &specs.Spec{Mounts: []specs.Mount{{Source: source}}}, nil)
		do(t, err)
		file := boot.SelfFilestorePath(source, "p")
		do(t, os.WriteFile(file, nil, 0o600))
		end(t, root, c)
		if there, err := exists(file); !there || err != nil {
			t.Errorf("%s: there: %t, %v", name, there, err)
		}
		expectFiles(t, root)
	}
}
