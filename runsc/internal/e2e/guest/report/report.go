// Package report is what the guest program says and the tests read: the words
// that both sides of a sandbox share.
package report

import (
	"slices"
	"strings"
)

// KeptName is the file that the battery of operations leaves behind in every
// directory, and KeptText what is in it, so that the host can look for it.
const (
	KeptName = "kept"
	KeptText = "kept by guest\n"
)

// Ops is the outcome of the battery of file operations on one directory.
type Ops struct {
	// Dir is the directory, as the guest names it.
	Dir string `json:"dir"`

	// OK says that every step passed.
	OK bool `json:"ok"`

	// Failed is "step: error" of the first step that failed.
	Failed string `json:"failed,omitempty"`
}

// Mount is one line of the guest's mount table (proc(5), /proc/pid/mounts).
type Mount struct {
	// Mount is where it is mounted.
	Mount string `json:"mount"`

	// Type is the file system type. Mounts that a gofer serves have "9p",
	// whatever the protocol.
	Type string `json:"type"`

	// Options are the mount's and the file system's options in one list.
	Options []string `json:"options"`
}

// Step is one entry of the record that the battery of semantics makes.
type Step struct {
	Name string `json:"name"`

	// Result is the name of an error, "ok", or what was seen.
	Result string `json:"result"`
}

// GoferType is the file system type of the mounts that a gofer serves, as the
// guest sees it.
const GoferType = "9p"

// Has reports whether the mount has the option, spelled exactly so.
func (m Mount) Has(option string) bool { return slices.Contains(m.Options, option) }

// Report is what one run of the guest found.
type Report struct {
	// Ops has an entry for each directory that was asked for, in that order.
	Ops []Ops `json:"ops"`

	// Mounts is the mount table after the operations.
	Mounts []Mount `json:"mounts"`
}

// Mount returns the mount at the destination. Where several hide each other it
// is the last one, which is the one that is visible.
func (r Report) Mount(destination string) (Mount, bool) {
	for _, m := range slices.Backward(r.Mounts) {
		if m.Mount == destination {
			return m, true
		}
	}
	return Mount{}, false
}

// ParseMounts reads a mount table in the format of /proc/pid/mounts (proc(5),
// fstab(5)). Lines with too few fields are left out.
func ParseMounts(table string) []Mount {
	mounts := []Mount{}
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		mounts = append(mounts, Mount{
			Mount:   unescape.Replace(f[1]),
			Type:    f[2],
			Options: strings.Split(f[3], ","),
		})
	}
	return mounts
}

// unescape undoes the octal escapes that getmntent(3) lists.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
