package verify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/directfs/runsc/runsc/internal/isolation"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// restrictions are the attributes that a served mount may have to carry, by the
// words of a mount table.
var restrictions = []struct {
	word, open string
	flag       uint64
}{
	{"ro", "rw", unix.MOUNT_ATTR_RDONLY},
	{"nosuid", "suid", unix.MOUNT_ATTR_NOSUID},
	{"nodev", "dev", unix.MOUNT_ATTR_NODEV},
	{"noexec", "exec", unix.MOUNT_ATTR_NOEXEC},
}

// propagation is how a mount takes part in the propagation of mount events
// (mount_namespaces(7)). 0 is no group.
type propagation struct{ shared, master int }

func propagationOf(m *mountinfo.Info) (propagation, error) {
	var p propagation
	for field := range strings.FieldsSeq(m.Optional) {
		tag, group, _ := strings.Cut(field, ":")
		var at *int
		switch tag {
		case "shared":
			at = &p.shared
		case "master":
			at = &p.master
		default:
			continue // what else there is makes a mount no less private
		}
		n, err := strconv.Atoi(group)
		if err != nil {
			return p, fmt.Errorf("mount table: %q: %w", field, err)
		}
		*at = n
	}
	return p, nil
}

func (p propagation) String() string {
	switch {
	case p.shared != 0 && p.master != 0:
		return "shared and slave"
	case p.shared != 0:
		return "shared"
	case p.master != 0:
		return "slave of group " + itoa(p.master)
	}
	return "private"
}

// copied is the propagation of a copy of the mount that follows it.
func (p propagation) copied() propagation {
	if p.shared != 0 {
		return propagation{master: p.shared}
	}
	return propagation{master: p.master}
}

// expected is what a served mount has to be like.
type expected struct {
	isolation.Attributes

	// root is the propagation of the copy's root. What is mounted in it may
	// have other masters if the copy follows the host, and never peers.
	root propagation
}

// String lists what a mount must carry, in the words of a mount table.
func (e expected) String() string {
	var words []string
	for _, r := range restrictions {
		if e.Flags()&r.flag != 0 {
			words = append(words, r.word)
		}
	}
	return strings.Join(words, " ") + ", " + e.root.String()
}

// judge compares one mount's flags. It lists what the mount carries: all that
// is expected, or its opposite, and other restrictions.
func (e expected) judge(m *mountinfo.Info) (carries []string, right bool) {
	options := strings.Split(m.Options, ",")
	right = true
	for _, r := range restrictions {
		switch {
		case slices.Contains(options, r.word):
			carries = append(carries, r.word)
		case e.Flags()&r.flag != 0:
			carries, right = append(carries, r.open), false
		}
	}
	return carries, right
}

// attributes compares all mounts of a tree with what they must be like.
//
// What the host mounted in the source of a mount that follows it, after the
// copy was made, has the host's own attributes. It cannot be told from what was
// there before.
func (r *Report) attributes(item string, e expected, t tree) {
	var actual []string
	right, arrived := true, false
	for i, m := range t.mounts {
		carries, flags := e.judge(m)
		p, err := propagationOf(m)
		if err != nil {
			r.unverified(CheckMounts, item, e.String(), "unknown", err.Error())
			return
		}
		follows := i > 0 && e.Follows
		linked := p == e.root || follows && p.shared == 0
		if i > 0 && flags && linked {
			continue
		}
		text := strings.Join(carries, " ") + ", " + p.String()
		if i > 0 {
			text = strings.TrimPrefix(m.Mountpoint, t.mounts[0].Mountpoint) + ": " + text
		}
		actual = append(actual, text)
		right = right && linked && (flags || follows)
		arrived = arrived || !flags && follows
	}
	all := strings.Join(actual, "; ")
	switch {
	case len(t.mounts) == 0:
		r.compare(CheckMounts, item, e.String(), "no such mount")
	case right && arrived:
		r.note(CheckMounts, item, e.String(), all, "what the host mounts there later has the host's own attributes")
	default:
		r.judge(CheckMounts, item, e.String(), all, right)
	}
}
