package verify

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// containersIn makes a state directory with the state files of containers.
func containersIn(t *testing.T, dir string, ids ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := os.WriteFile(filepath.Join(dir, id+"_sandbox:"+id+".state"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	own, first, second := dir+"/own", dir+"/shim/k8s.io", dir+"/shim/moby"
	containersIn(t, own, "web", "twice")
	containersIn(t, first, "abcd1", "abcd2", "twice", "longer", "long")
	containersIn(t, second, "efgh", "abcd3")
	if err := os.Symlink(first, dir+"/shim/again"); err != nil {
		t.Fatal(err)
	}
	patterns := []string{own, dir + "/none", dir + "/shim/*"}
	for id, want := range map[string]string{"web": own, "efgh": second, "ef": second, "abcd3": second, "long": "", "longe": ""} {
		got, err := find(patterns, id)
		if err != nil || !strings.HasPrefix(got.id.ContainerID, id) || want != "" && got.root != want {
			t.Errorf("%q: %v, %v, want one in %s", id, got, err, want)
		}
	}
	if got, err := find(patterns, "long"); err != nil || got.id.ContainerID != "long" {
		t.Errorf("an id that another one starts with: %v, %v", got, err)
	}
	for id, words := range map[string][]string{
		"abcd":    {`"abcd" is 3 containers`, "abcd1 in ", "abcd3 in " + second, "give more of the id, or the directory with --root"},
		"twice":   {`"twice" is 2 containers`, "twice in " + own, "give the directory with --root"},
		"nothing": {`no container "nothing"; looked in ` + own, dir + "/none", dir + "/shim/*", "; give its directory with --root, as its client does"},
		"":        {`no container ""`},
	} {
		got, err := find(patterns, id)
		if err == nil || exitStatus(err) != exitUnknown {
			t.Errorf("%q: %v, %v", id, got, err)
			continue
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q: %v does not say %q", id, err, w)
			}
		}
	}
	if _, err := find([]string{own}, "efgh"); err == nil || err.Error() != `no container "efgh" in `+own {
		t.Errorf("with --root: %v", err)
	}
	var f *failure
	if _, err := find([]string{own}, "twice"); errors.As(err, &f) {
		t.Errorf("with --root: %v", err)
	}
}

// The directories are those that clients use.
func TestRoots(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	all := roots("/var/run/runsc")
	for _, dir := range []string{"/var/run/runsc", "/run/runsc", "/run/docker/runtime-runc/moby", "/run/containerd/runc/default",
		"/run/containerd/runsc/k8s.io", "/run/user/7/runsc", "/run/user/7/docker/runtime-runc/moby"} {
		known := false
		for _, p := range all {
			ok, err := filepath.Match(p, dir)
			if err != nil {
				t.Fatal(err)
			}
			known = known || ok
		}
		if !known {
			t.Errorf("%s is not among %v", dir, all)
		}
	}
	// What another user writes is not what root wants to know.
	if ok, _ := filepath.Match("/run/user/8/runsc", strings.Join(all, " ")); ok || strings.Contains(strings.Join(all, " "), "/user/*") {
		t.Errorf("other users' directories are among %v", all)
	}
}

func TestRootOf(t *testing.T) {
	for line, want := range map[string]string{
		"runsc-sandbox --root=/x/moby boot --bundle=/b/abcdef abcdef": "/x/moby",
		"runsc-gofer --root=/x --log=/run/abcdef/log.json gofer":      "/x",
		"runsc-sandbox --root=/x boot other":                          "",
		"runsc-sandbox boot abcdef":                                   "",
		"sleep --root=/x abcdef":                                      "",
		"runsc-gofer --root=/x\n\x1b[31m abcdef":                      "",
		"runsc-gofer --root=/x nabcdef":                               "",
		"":                                                            "",
	} {
		if got := rootOf(strings.Split(line, " "), "abc"); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
