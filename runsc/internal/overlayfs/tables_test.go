package overlayfs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/directfs/runsc/pkg/overlaymount"
)

// row is a line of what is known of the kernel's overlayfs, in the initial user
// namespace and in another one.
type row struct {
	name string
	make func(t testing.TB) overlaymount.Mount // for each of the two
	root want
	user *want // nil: as root
}

// want is what the kernel does, and what is said before.
type want struct {
	mount  string // the error, "" if it is mounted
	used   string // as outcome.used; "" if it works
	log    string // in what is read from the file system context
	kernel string // in the kernel's own log
	codes  []overlaymount.Code
}

func codes(all ...overlaymount.Code) []overlaymount.Code { return all }

// check runs the rows. In the user namespace the mount has userxattr, unless it is
// about that.
func check(t *testing.T, rows []row) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			tr := trial{r.make(t)}
			log := newKernelLog(t)
			r.root.compare(t, tr, tr.play(), log.read(t))
		})
		t.Run(r.name+" in a user namespace", func(t *testing.T) {
			tr := trial{r.make(t)}
			log := newKernelLog(t)
			if !r.keepsOptions() {
				tr.Mount = tr.Mount.WithUserXattr()
			}
			w := r.root
			if r.user != nil {
				w = *r.user
			}
			w.compare(t, tr, tr.playAsUser(t), log.read(t))
		})
	}
}

// keepsOptions: the row is about what is missing.
func (r row) keepsOptions() bool { return strings.Contains(r.name, "without userxattr") }

func (w want) compare(t *testing.T, tr trial, o outcome, kernel string) {
	t.Helper()
	t.Logf("facts %s", o.Known)
	if o.Mount != w.mount {
		t.Errorf("mounting: %q (%q), want %q", o.Mount, o.Log, w.mount)
	}
	if w.used == "" {
		w.used = works
	}
	if o.Mount == "" && o.used() != w.used {
		t.Errorf("it is used: %s\nwant: %s", o.used(), w.used)
	}
	if log := strings.Join(o.Log, "\n"); !strings.Contains(log, w.log) {
		t.Errorf("the log: %q, want %q", log, w.log)
	}
	if !strings.Contains(kernel, w.kernel) {
		t.Errorf("the kernel's log: %q, want %q", kernel, w.kernel)
	}
	var got []overlaymount.Code
	for _, f := range o.Findings {
		if !f.Warning && !slices.Contains(got, f.Code) {
			got = append(got, f.Code)
		}
	}
	if !slices.Equal(got, w.codes) {
		t.Errorf("findings %q, want %q\n%+v\nof %+v", got, w.codes, o.Findings, tr.Mount)
	}
}

func mkdir(t testing.TB, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// option is an option as key=value, or a flag.
func option(s string) overlaymount.Option {
	key, value, ok := strings.Cut(s, "=")
	return overlaymount.Option{Key: key, Value: value, HasValue: ok}
}

// over is an overlay with its upper layer in a directory.
func over(t testing.TB, lower, dir string, options ...string) overlaymount.Mount {
	t.Helper()
	m := overlaymount.Mount{Lower: []string{lower}, Upper: mkdir(t, dir, "upper"), Work: mkdir(t, dir, "work")}
	for _, o := range options {
		m.Options = append(m.Options, option(o))
	}
	return m
}

// lowerDir is a lower layer on a file system that is a good one.
func lowerDir(t testing.TB) string {
	t.Helper()
	return fill(t, mkdir(t, disk(t), "lower"))
}

// manyLowers are n lower layers and one that is filled.
func manyLowers(t testing.TB, n int) overlaymount.Mount {
	dir := disk(t)
	m := over(t, fill(t, mkdir(t, dir, "lower")), dir)
	for i := range n - 1 {
		m.Lower = append(m.Lower, mkdir(t, dir, "many", fmt.Sprint(i)))
	}
	return m
}
