package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// difference is a row of the table in docs/overlays.md: what deviations with one of
// the reasons are for a user.
type difference struct {
	what, linux, here string
	reasons           []string
}

// differences are all of them. Deviations that follow from others have no row.
var differences = []difference{
	{"rename of a directory that has a lower layer", "EXDEV, upon which mv(1) copies", "done, with all that is in the directory copied to the upper layer",
		[]string{"gVisor copies up a directory with all that is in it to rename it; Linux says EXDEV, so that mv(1) copies"}},
	{"rename of a directory to its own name", "nothing happens", "ENOTEMPTY",
		[]string{"gVisor does not see that it is one directory"}},
	{"write to a file of a lower layer that is mapped", "the file is copied up", "opening it for writing fails with ENODEV",
		[]string{"gVisor copies up a file that is mapped only to a file that it can map, and with a shared cache it cannot map one that is open for writing alone"}},
	{"`st_dev` and `st_ino`", "a file keeps them when it is copied up, if all layers are on one file system", "those of the layer, and others after copy-up",
		[]string{inodeReason}},
	{"chmod, chown, link and rename of a pipe or socket in a lower layer", "done", "EPERM", []string{pipeReason}},
	{"set-user-ID bit of a file that is copied up", "kept, if root does it", "taken away", []string{copiedReason}},
	{"attributes `trusted.*` and `user.overlay.*`", "can be set and read", "ENOTSUP, and not listed", []string{marksReason}},
	{"marks in the upper layer", "only where something below is hidden", "also where nothing is: every new directory is opaque, and every renamed file leaves a whiteout",
		[]string{"gVisor marks each new directory, also where it hides nothing", "gVisor leaves a whiteout wherever something was renamed, also where it hides nothing"}},

	{"`O_TMPFILE`", "works", "ENOTSUP", []string{"gVisor's overlay has no O_TMPFILE", "gVisor's gofer file system has no O_TMPFILE"}},
	{"fallocate(2) that does more than allocate, such as `FALLOC_FL_PUNCH_HOLE`", "works", "ENOTSUP",
		[]string{"gVisor's gofer file system allocates and does nothing else in fallocate(2)"}},
	{"access control lists", "if the upper layer has them", "ENOTSUP, or not there", []string{"gVisor has no access control lists"}},
	{"mknod(2) of a device", "as root", "EPERM", []string{"the sandbox and the gofer have no CAP_MKNOD"}},
	{"pipes and sockets that the container makes", "in the upper layer", "in the sandbox, until it ends", []string{syntheticReason}},
	{"opening a pipe of a layer", "works", "EPERM without `--host-fifo=open`", []string{fifoReason}},
	{"truncate(2) of a directory in a read-only overlay", "EISDIR", "EROFS", []string{"gVisor looks for a read-only mount before it looks for a directory"}},
	{"link count of an open file whose name was removed", "0", "1", []string{"gVisor does not count down the links of a file that it removes"}},
	{"fchmod(2) of an open file of a lower layer whose name was removed", "an error", "another error with the sentry's driver; done with the host's",
		[]string{"neither copies up a file without a name; the errors differ", "Linux copies up for the mode, and cannot for a file without a name"}},
	{"link(2) to a file whose first name was removed, over LisaFS", "works", "EINVAL", []string{linkReason}},
	{"without root: chown(2) to a user whom the namespace has not", "EINVAL", "done in the container, and not on the host", []string{ownerReason, "gVisor's overlay shows the owner that was not set, until the container ends"}},
	{"without root: other users than root", "none", "in the container there are all, and what they may do the sandbox decides", []string{userReason}},

	{"statfs(2)", "the type of overlays", "that of gVisor's gofer file system", []string{"gVisor names its own file system"}},
	{"private mapping of a file of a lower layer that is copied up then", "keeps to the lower file", "has what is written",
		[]string{"a mapping of a lower file keeps to the lower file on Linux; gVisor maps the file anew when it is opened for writing"}},
	{"set-user-ID bit of a file that root writes", "kept", "taken away", []string{setuidReason}},
	{"group of a symbolic link in a set-group-ID directory", "the directory's", "the caller's",
		[]string{"gVisor gives a symbolic link the caller's group in a set-group-ID directory, too"}},
	{"attributes `trusted.*`", "can be set and read by root", "ENOTSUP, and not listed", []string{trustedReason}},
	{"`RENAME_NOREPLACE`", "works", "EINVAL with a shared cache", []string{"gVisor has RENAME_NOREPLACE only where it alone changes files, which is not so with a shared cache"}},
}

// The document's table is this one. The cases are run by TestOverlayInSentry and
// TestOverlayOnHost, which fail for deviations that are none.
func TestOverlayDifferencesInDocument(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../../docs/overlays.md")
	if err != nil {
		t.Fatal(err)
	}
	_, got, found := strings.Cut(string(doc), "<!-- table: differences -->\n")
	got, _, ended := strings.Cut(got, "<!-- end -->\n")
	want := "| what | Linux | here | driver | case |\n| --- | --- | --- | --- | --- |\n"
	for _, d := range differences {
		want += d.row(t)
	}
	if !found || !ended || got != want {
		t.Errorf("docs/overlays.md has\n%swant\n%s", got, want)
	}
}

// Each reason for a deviation has one row.
func TestOverlayDifferencesAreAll(t *testing.T) {
	t.Parallel()
	rows := map[string]int{}
	for _, d := range differences {
		for _, r := range d.reasons {
			rows[r]++
		}
	}
	used := map[string]bool{}
	for _, d := range slices.Concat(deviationsOf(overlayConfig{driver: sentryDriver}), deviationsOf(overlayConfig{driver: hostDriver})) {
		used[d.reason] = true
		if rows[d.reason] != 1 && !d.follows() {
			t.Errorf("%d rows of docs/overlays.md are about %q: %s", rows[d.reason], d.steps, d.reason)
		}
	}
	for r := range rows {
		if !used[r] {
			t.Errorf("a row of docs/overlays.md is about no deviation: %s", r)
		}
	}
}

// follows tells deviations that are there because of others.
func (d deviation) follows() bool { return strings.Contains(d.reason, "follows from") }

// row is the difference with the drivers that have it and the guest's cases that
// show it.
func (d difference) row(t *testing.T) string {
	t.Helper()
	sentry, host := d.cases(sentryDriver), d.cases(hostDriver)
	drivers := "both"
	switch {
	case len(host) == 0:
		drivers = "sentry's"
	case len(sentry) == 0:
		drivers = "host's"
	}
	cases := slices.Compact(slices.Sorted(slices.Values(slices.Concat(sentry, host))))
	if len(cases) == 0 {
		t.Errorf("nothing shows %q", d.what)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | `%s` |\n", d.what, d.linux, d.here, drivers, strings.Join(cases, "` `"))
}

func (d difference) cases(driver overlayDriver) (all []string) {
	for _, v := range deviationsOf(overlayConfig{driver: driver}) {
		if !slices.Contains(d.reasons, v.reason) {
			continue
		}
		for _, step := range v.steps {
			all = append(all, caseOf(step))
		}
	}
	return all
}

// caseOf is the guest's case of a step: what is before a colon, or the directory of
// that name.
func caseOf(step string) string {
	name, _, _ := strings.Cut(step, ":")
	for _, of := range []string{"tree /", "mark /"} {
		if rest, ok := strings.CutPrefix(name, of); ok {
			name, _, _ = strings.Cut(rest, "/")
		}
	}
	return strings.TrimSuffix(name, "*")
}
