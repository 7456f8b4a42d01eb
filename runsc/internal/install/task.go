package install

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/directfs/runsc/runsc/internal/install/files"
	"github.com/directfs/runsc/runsc/internal/plain"
	"github.com/rogpeppe/go-internal/diff"
)

// task is one call of a command, as far as it has been checked.
type task struct {
	client  client
	runtime string // its name in the client
	file    string // the client's configuration, absolute

	// Of install alone.
	program      string            // this program
	shim         string            // containerd: our shim
	flags        []string          // with which the client calls the program
	settings     map[string]string // the same by name, for clients that have a table
	clobber      bool
	experimental bool
	cgroupDriver string

	dryRun       bool
	discardEdits bool
	out, err     io.Writer
}

// client is a container engine.
type client interface {
	// name is the value of --client.
	name() string
	// reserved are names of runtimes that the client keeps for itself.
	reserved() []string
	// file is its default configuration file, for a runtime.
	file(runtime string) string
	// paths are the files that install and uninstall read and may change.
	paths(*task) ([]string, error)
	// check is what must be true before anything is looked at.
	check(*task) error
	// install and uninstall return what becomes of the files. Changes are made
	// in their order, and each state in between does no harm.
	install(*task, []files.File) ([]files.Change, error)
	uninstall(*task, []files.File) ([]files.Change, error)
	// reload says how the client reads the configuration again, and verify how
	// to see that it has.
	reload() string
	verify(*task) string
}

var clients = map[string]client{"docker": docker{}, "podman": podman{}, "containerd": containerd{}}

func clientNames() []string { return []string{"docker", "podman", "containerd"} }

func defaultFile(c client, runtime string) string { return c.file(runtime) }

// errNotInstalled is for uninstall, which fails then as upstream's does.
var errNotInstalled = errors.New("not installed")

func (t *task) notef(format string, args ...any) {
	fmt.Fprintln(t.err, plain.Lines("note: "+fmt.Sprintf(format, args...)))
}

func (t *task) warnf(format string, args ...any) {
	fmt.Fprintln(t.err, plain.Lines("warning: "+fmt.Sprintf(format, args...)))
}

func (t *task) sayf(format string, args ...any) {
	fmt.Fprintln(t.out, plain.Lines(fmt.Sprintf(format, args...)))
}

func (t *task) install(d files.Disk) error {
	if err := t.client.check(t); err != nil {
		return err
	}
	changed, err := t.change(d, t.client.install)
	if err != nil || t.dryRun {
		return err
	}
	if !changed {
		t.sayf("nothing to change: %s has the runtime %q in %s already", t.client.name(), t.runtime, t.file)
		return nil
	}
	t.sayf("%s has the runtime %q now: %s", t.client.name(), t.runtime, t.program)
	if r := t.client.reload(); r != "" {
		t.sayf("next:  %s", r)
	}
	t.sayf("check: %s", t.client.verify(t))
	return nil
}

func (t *task) uninstall(d files.Disk) error {
	changed, err := t.change(d, t.client.uninstall)
	if err != nil || t.dryRun || !changed {
		return err
	}
	if r := t.client.reload(); r != "" {
		t.sayf("next:  %s", r)
	}
	return nil
}

// change reads the files, asks what becomes of them, and makes it so, while no
// other run does.
func (t *task) change(d files.Disk, plan func(*task, []files.File) ([]files.Change, error)) (changed bool, err error) {
	paths, err := t.client.paths(t)
	if err != nil {
		return false, err
	}
	if !t.dryRun {
		unlock, err := t.lock(paths)
		if err != nil {
			return false, err
		}
		defer unlock()
	}
	var read []files.File
	for _, p := range paths {
		f, err := files.Read(p)
		if err != nil {
			return false, err
		}
		if err := t.leftover(d, f); err != nil {
			return false, err
		}
		read = append(read, f)
	}
	changes, err := plan(t, read)
	if err != nil {
		return false, err
	}
	changes = slices.DeleteFunc(changes, func(c files.Change) bool { return !c.Changes() })
	if t.dryRun {
		t.show(changes)
		return false, nil
	}
	for _, c := range changes {
		if err := d.Apply(c); err != nil {
			return false, err
		}
		if c.Remove {
			t.sayf("removed %s", c.Path)
		} else {
			t.sayf("wrote %s", c.Path)
		}
	}
	return len(changes) > 0, nil
}

func (t *task) lock(paths []string) (func(), error) {
	var targets []string
	for _, p := range paths {
		target, err := files.Resolve(p)
		if err != nil {
			return nil, err
		}
		targets = append(targets, target)
	}
	return files.Lock(targets, func(dir string) { t.notef("waiting for another run, which has the lock of %s", dir) })
}

// leftover removes what a run that was killed has left.
func (t *task) leftover(d files.Disk, f files.File) error {
	name, ok := f.Leftover()
	if !ok {
		return nil
	}
	if t.dryRun {
		t.notef("%s is what an interrupted run has left; the next install or uninstall removes it", name)
		return nil
	}
	t.notef("removed %s, which an interrupted run has left", name)
	if err := d.RemoveLeftover(f); err != nil {
		return files.Explain(name, err)
	}
	return nil
}

// show prints changes as a diff, one for each file.
func (t *task) show(changes []files.Change) {
	first, last := map[string]files.Change{}, map[string]files.Change{}
	for _, c := range changes {
		if _, ok := first[c.Path]; !ok {
			first[c.Path] = c
		}
		last[c.Path] = c
	}
	for _, path := range slices.Sorted(maps.Keys(first)) {
		from, to, after := path, path, last[path].New
		if !first[path].Exists {
			from = "/dev/null"
		}
		if last[path].Remove {
			to, after = "/dev/null", nil
		}
		text := diff.Diff(from, first[path].Text, to, after)
		// Its first line is a command, which is not part of the format.
		_, text, _ = bytes.Cut(text, []byte("\n"))
		// Tabs stay, so that a patch of it fits.
		for i, part := range strings.Split(string(text), "\t") {
			if i > 0 {
				fmt.Fprint(t.out, "\t")
			}
			fmt.Fprint(t.out, plain.Lines(part))
		}
	}
	if len(changes) == 0 {
		t.notef("nothing to change")
	} else {
		t.notef("nothing was written: --dry-run")
	}
}
