package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// Once a container runs, its gofer alone has something of the layers open, which is
// the locks, and nothing is reached by them but the directory that they lock.
func TestOverlayFDs(t *testing.T) {
	for _, directfs := range []bool{true, false} {
		t.Run(flag(directfs), func(t *testing.T) {
			lab := newLab(t, flag(directfs))
			s, low := newStack(t, lab, "s", 3), newStack(t, lab, "low", 3).readOnly()
			b := lab.Bundle(t, s.at("/ov"), low.at("/low"), harness.Args("serve", "/ov"))
			a, err := lab.Attach(harness.Context(t), b, "run", "--bundle="+b.Dir, lab.ID())
			if err != nil {
				t.Fatal(err)
			}
			checkOpsInside(t, readReport(t, &a.Container))
			if err := a.Find(lab.Root); err != nil {
				t.Fatal(err)
			}
			// The client is there until the container ends.
			if got := holders(t, s, low); !slices.Equal(got, []int{a.GoferPID}) {
				t.Errorf("processes %v have layers open, want %d", got, a.GoferPID)
			}
			if got := holders(t, low); len(got) > 0 {
				t.Errorf("processes %v have layers that are only read open", got)
			}
			checkLocks(t, s, a.GoferPID)
			checkOverlays(t, &a.Container, access{"/": directfs, "/ov": directfs, "/low": directfs}, map[string]stack{"/ov": s, "/low": low})
			command(t, lab.Runtime, "kill", a.ID, "TERM")
			if code, err := a.End(harness.Context(t)); err != nil || code != 0 {
				t.Errorf("exit code %d, %v", code, err)
			}
			s.checkUnlocked(t)
		})
	}
}

// checkLocks expects one lock for the upper and one for the work directory, from
// which no way leads out, and by which nothing is written.
func checkLocks(t *testing.T, s stack, pid int) {
	t.Helper()
	locks := s.lockFDs(t, pid)
	if len(locks) != 2 || locks[0].Ino == locks[1].Ino {
		t.Errorf("the gofer's locks: %+v", locks)
	}
	for _, l := range locks {
		if err := os.Mkdir(fmt.Sprintf("/proc/%d/fd/%d/made", pid, l.FD), 0o755); !errors.Is(err, unix.EROFS) {
			t.Errorf("writing by the lock %+v: %v", l, err)
		}
		for _, way := range []string{"..", "../..", "../../../../../../../..", "../" + filepath.Base(s.lowers[0])} {
			name := fmt.Sprintf("/proc/%d/fd/%d/%s", pid, l.FD, way)
			var st unix.Stat_t
			if err := unix.Stat(name, &st); err == nil && (uint64(st.Dev) != l.Dev || st.Ino != l.Ino) {
				t.Errorf("%s leads to device %d inode %d, out of %+v", name, st.Dev, st.Ino, l)
			}
		}
	}
}

// holders are the processes, of the whole host, that have layers open.
func holders(t *testing.T, stacks ...stack) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		dirs, err := harness.DirFDs(pid)
		if err != nil {
			continue // it has ended
		}
		for _, s := range stacks {
			for _, l := range s.layers() {
				var st unix.Stat_t
				if err := unix.Stat(l, &st); err != nil {
					t.Fatal(err)
				}
				if slices.ContainsFunc(dirs, func(d harness.HeldDir) bool { return d.Dev == uint64(st.Dev) && d.Ino == st.Ino }) && !slices.Contains(pids, pid) {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids
}
