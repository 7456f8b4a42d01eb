package verify

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/directfspolicy"
	"golang.org/x/sys/unix"
)

func testMount(destination, source string, access directfspolicy.Access) mount {
	m := mount{decision: directfspolicy.Decision{Mount: destination, Access: access}, source: source}
	m.look()
	return m
}

// tree makes /on, /on/deep/off, /on/deep/file and /beside in a directory, and
// mounts of them.
func makeTree(t *testing.T) (dir string, mounts []mount) {
	t.Helper()
	dir = t.TempDir()
	for _, d := range []string{"on/deep/off", "beside"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "on/deep/file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir, []mount{
		testMount("/on", dir+"/on", directfspolicy.DirectFS),
		testMount("/off", dir+"/on/deep/off", directfspolicy.LisaFS),
		testMount("/file", dir+"/on/deep/file", directfspolicy.LisaFS),
		testMount("/beside", dir+"/beside", directfspolicy.LisaFS),
	}
}

func walkDown(t *testing.T, w *walker, dir string) {
	t.Helper()
	fd, err := openDir(unix.AT_FDCWD, dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	p, err := lookAt(fd, "", unix.AT_EMPTY_PATH)
	if err != nil {
		t.Fatal(err)
	}
	w.down(fd, p, "")
}

func rowsOf(w *walker, mounts []mount) *Report {
	r := &Report{}
	r.reachable(w, mounts)
	return r
}

func TestDown(t *testing.T) {
	dir, mounts := makeTree(t)
	w := newWalker(mounts, 100)
	walkDown(t, w, dir+"/on")
	if want := map[fileID]string{mounts[1].id: "/deep/off", mounts[2].id: "/deep/file"}; !maps.Equal(w.reached, want) {
		t.Errorf("reached %v, want %v", w.reached, want)
	}
	r := rowsOf(w, mounts)
	if got := verdictOf(t, r, "reachable from there"); got != Differs {
		t.Errorf("%v: %+v", got, r.Rows)
	}
	w = newWalker(mounts[:1], 100)
	walkDown(t, w, dir+"/on")
	if got := verdictOf(t, rowsOf(w, mounts[:1]), "reachable from there"); got != OK {
		t.Errorf("with nothing to reach: %v", got)
	}
}

func TestLimit(t *testing.T) {
	dir, mounts := makeTree(t)
	w := newWalker(mounts[:1], 1)
	walkDown(t, w, dir+"/on")
	if got := verdictOf(t, rowsOf(w, mounts[:1]), "reachable from there"); got != Unverified {
		t.Errorf("%v: %v", got, w.problems)
	}
}

// A source that is gone cannot be recognized, so nothing is said of it.
func TestSourceIsGone(t *testing.T) {
	dir, _ := makeTree(t)
	mounts := []mount{testMount("/gone", dir+"/gone", directfspolicy.LisaFS)}
	if got := verdictOf(t, rowsOf(newWalker(mounts, 9), mounts), "reachable from there"); got != Unverified {
		t.Errorf("off and gone: %v", got)
	}
	mounts = []mount{testMount("/gone", dir+"/gone", directfspolicy.DirectFS)}
	r := &Report{}
	r.donated(heldFiles{}, pod{members: []member{{mounts: mounts}}})
	if got := r.Rows[0].Verdict; got != Unverified {
		t.Errorf("on and gone: %v", got)
	}
}

// Where a held directory is in no donated mount it is a stranger; where it is
// in one, whatever is above the mount's root counts.
func TestLocate(t *testing.T) {
	dir, mounts := makeTree(t)
	for _, c := range []struct {
		held      string
		strangers bool
	}{{"/on", false}, {"/on/deep", false}, {"/beside", true}} {
		fd, err := openDir(unix.AT_FDCWD, dir+c.held, 0)
		if err != nil {
			t.Fatal(err)
		}
		chain, err := climb(fd)
		if err != nil {
			t.Fatal(err)
		}
		w := newWalker(mounts, 100)
		w.locate("link", chain)
		for _, s := range chain {
			unix.Close(s.fd)
		}
		if got := len(w.strangers) > 0; got != c.strangers {
			t.Errorf("%s: strangers %v", c.held, w.strangers)
		}
		if above := slices.Contains(w.above, "beside"); above == c.strangers {
			t.Errorf("%s: above is %v", c.held, strings.Join(w.above, " "))
		}
	}
}
