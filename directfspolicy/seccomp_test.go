package directfspolicy

import (
	"slices"
	"strings"
	"testing"
)

func TestSeccompSets(t *testing.T) {
	all := []SetName{
		"sentry-base", "sentry-host-filesystem-read", "sentry-host-filesystem",
		"gofer-base", "gofer-directfs-fallback-read", "gofer-directfs-fallback", "gofer-volume", "gofer-lisafs-read", "gofer-lisafs",
	}
	if !slices.Equal(SetNames(), all) || len(seccompSets) != len(all) {
		t.Fatalf("SetNames = %v", SetNames())
	}
	for _, n := range SetNames() {
		s := callsOf(n)
		if s.Len() == 0 {
			t.Errorf("%s has no calls", n)
		}
		for _, c := range s.Names() {
			if c == "" || strings.Trim(c, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
				t.Errorf("%s has %q", n, c)
			}
		}
	}
}

func TestCalls(t *testing.T) {
	if n := callsOf().Len(); n != 0 {
		t.Errorf("no set has %d calls", n)
	}
	if s := callsOf("all"); s.Len() != 0 {
		t.Errorf("an unknown set has %v", s)
	}
	for _, a := range SetNames() {
		for _, b := range SetNames() {
			if got := callsOf(a, "all", b); !equalSets(got, callsOf(a).Union(callsOf(b))) {
				t.Errorf("callsOf(%s, %s) = %v", a, b, got)
			}
		}
	}
	SetNames()[0] = "all"
	if SetNames()[0] != SentryBase {
		t.Error("the list of sets can be changed from outside")
	}
	callsOf(SentryBase).Names()[0] = "mount"
	if callsOf(SentryBase).Contains("mount") {
		t.Error("a set can be changed from outside")
	}
}

// What each process may do with files, by the set that lets it.
func TestSetsRelate(t *testing.T) {
	base, host := callsOf(SentryBase), callsOf(SentryHostFilesystem)
	if got := host.Difference(host.Difference(base)); !equalSets(got, newCallSet("utimensat")) {
		t.Errorf("both sets of the sentry have %v", got)
	}
	opening := newCallSet("fchmodat", "fchownat", "linkat", "mkdirat", "mknodat", "openat", "renameat2", "symlinkat", "unlinkat")
	if !opening.SubsetOf(host) || opening.Difference(base).Len() != opening.Len() {
		t.Errorf("the base opens files, or the host filesystem set does not: %v, %v", base, host)
	}
	gofer, fallback, lisafs := callsOf(GoferBase), callsOf(GoferDirectFSFallback), callsOf(GoferLisaFS)
	if !fallback.SubsetOf(lisafs) || lisafs.SubsetOf(fallback) {
		t.Errorf("a gofer that serves LisaFS lacks %v", fallback.Difference(lisafs))
	}
	if got := gofer.Difference(gofer.Difference(lisafs)); got.Len() != 0 {
		t.Errorf("a gofer without a LisaFS mount has %v of its set", got)
	}
	for _, n := range SetNames() {
		if got := newCallSet("execve", "execveat", "mount", "open", "open_by_handle_at", "ptrace", "setns", "unshare"); got.Difference(callsOf(n)).Len() != got.Len() {
			t.Errorf("%s has one of %v", n, got)
		}
	}
}

// A set for reading is a smaller one for writing, and changes no file.
func TestReadingSets(t *testing.T) {
	changing := newCallSet(
		"fallocate", "fchmod", "fchmodat", "fchown", "fchownat", "fremovexattr", "fsetxattr", "linkat", "lremovexattr",
		"lsetxattr", "mkdirat", "mknodat", "renameat2", "symlinkat", "unlinkat", "utimensat", "write",
	)
	for reading, writing := range map[SetName]SetName{
		SentryHostFilesystemRead:  SentryHostFilesystem,
		GoferDirectFSFallbackRead: GoferDirectFSFallback,
		GoferLisaFSRead:           GoferLisaFS,
	} {
		r, w := callsOf(reading), callsOf(writing)
		if !r.SubsetOf(w) || w.SubsetOf(r) {
			t.Errorf("%s has %v beyond %s", reading, r.Difference(w), writing)
		}
		if got := changing.Difference(changing.Difference(r)); got.Len() != 0 {
			t.Errorf("%s has %v", reading, got)
		}
		if got := w.Difference(r).Difference(changing); got.Len() > 0 && !equalSets(got, newCallSet("ftruncate")) {
			t.Errorf("%s lacks %v, which changes no file", reading, got)
		}
	}
	if got, want := callsOf(GoferVolume), newCallSet("ftruncate"); !equalSets(got, want) || !got.SubsetOf(callsOf(GoferLisaFSRead)) {
		t.Errorf("a gofer that answers for a volume has %v", got)
	}
	if !callsOf(GoferDirectFSFallbackRead).SubsetOf(callsOf(GoferLisaFSRead)) {
		t.Errorf("a gofer that reads for LisaFS lacks %v", callsOf(GoferDirectFSFallbackRead).Difference(callsOf(GoferLisaFSRead)))
	}
}
