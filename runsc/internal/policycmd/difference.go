package policycmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
)

// callsField is the field of the system calls that a filter allows.
const callsField = "calls"

// difference is one thing in which two plans differ: a value that is another
// one, or members that a list gains and loses.
type difference struct {
	// Of is "mount", "sandbox", "sentry" (the sandbox's filter), "gofer" or
	// "pod sandbox".
	Of string `json:"of"`

	// Mount is the destination where Of is "mount".
	Mount string `json:"mount,omitempty"`

	// Field is the name that the field has in the Plan's JSON; "why",
	// "whyCache" and "whyGofer" are reason and detail in words, "seccomp" and "calls" are the filter's.
	Field string `json:"field"`

	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`

	Removed []string `json:"removed,omitempty"`
	Added   []string `json:"added,omitempty"`
}

func (d difference) row() []string {
	of := d.Of
	if d.Mount != "" {
		of += " " + d.Mount
	}
	if d.Before != "" || d.After != "" {
		return []string{"  " + of, d.Field, d.Before + " -> " + d.After}
	}
	var parts []string
	for _, s := range d.Removed {
		parts = append(parts, "-"+s)
	}
	for _, s := range d.Added {
		parts = append(parts, "+"+s)
	}
	separator := " "
	if d.Field == "raisedFor" {
		separator = ", " // they are words
	}
	return []string{"  " + of, d.Field, strings.Join(parts, separator)}
}

// differ collects differences.
type differ struct{ all []difference }

func (d *differ) value(of, mount, field, before, after string) {
	if before != after {
		d.all = append(d.all, difference{Of: of, Mount: mount, Field: field, Before: before, After: after})
	}
}

func (d *differ) list(of, field string, before, after []string) {
	removed, added := minus(before, after), minus(after, before)
	if len(removed)+len(added) > 0 {
		d.all = append(d.all, difference{Of: of, Field: field, Removed: removed, Added: added})
	}
}

func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// differences lists everything in which the outcomes differ, in the order of
// the Plan. It is never nil.
func differences(before, after outcome) []difference {
	d := differ{all: []difference{}}
	for _, pair := range pairs(before.plan.Decisions(), after.plan.Decisions()) {
		m, n := pair[0], pair[1]
		if m.Mount == "" || n.Mount == "" {
			d.value("mount", m.Mount+n.Mount, "there", yesNo(m.Mount != ""), yesNo(n.Mount != ""))
			continue
		}
		d.value("mount", m.Mount, "overlay", overlayOf(m), overlayOf(n))
		d.value("mount", m.Mount, "access", m.Access.String(), n.Access.String())
		d.value("mount", m.Mount, "why", m.WhyAccess.String(), n.WhyAccess.String())
		d.value("mount", m.Mount, "cache", m.Cache.String(), n.Cache.String())
		d.value("mount", m.Mount, "whyCache", m.WhyCache.String(), n.WhyCache.String())
		d.value("mount", m.Mount, "gofer", goferOf(m), goferOf(n))
		d.value("mount", m.Mount, "whyGofer", m.WhyGofer.String(), n.WhyGofer.String())
	}
	d.sandbox("sandbox", before.plan.Sandbox(), after.plan.Sandbox())
	d.filter("sentry", before.plan.Sentry(), after.plan.Sentry())
	d.filter("gofer", before.plan.Gofer(), after.plan.Gofer())
	d.list("gofer", "goferCalls", backendCallsOf(before), backendCallsOf(after))
	d.list("gofer", "donations", before.plan.Donations(), after.plan.Donations())
	if before.pod != nil {
		d.sandbox("pod sandbox", before.pod.Sandbox(), after.pod.Sandbox())
		d.filter("pod sentry", before.pod.Sentry(), after.pod.Sentry())
	}
	return d.all
}

// pairs are the decisions of two plans for one spec, with what each says of a mount.
// A hint changes no mount's place in the list, but where the sentry makes an overlay
// there are mounts for its layers too: the other one of the pair is zero then.
func pairs(before, after []directfspolicy.Decision) (all [][2]directfspolicy.Decision) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(before) > 0 && len(after) > 0 && before[0].Mount == after[0].Mount:
			all = append(all, [2]directfspolicy.Decision{before[0], after[0]})
			before, after = before[1:], after[1:]
		case len(after) == 0 || len(before) > 0 && before[0].Layer != nil:
			all = append(all, [2]directfspolicy.Decision{before[0], {}})
			before = before[1:]
		default:
			all = append(all, [2]directfspolicy.Decision{{}, after[0]})
			after = after[1:]
		}
	}
	return all
}

// overlayOf describes who makes the mount's overlay, if it is one.
func overlayOf(d directfspolicy.Decision) string {
	if d.Union == nil {
		return ""
	}
	return d.Union.String()
}

func backendCallsOf(o outcome) []string {
	calls, _ := backendCalls(o.plan)
	return calls
}

// goferOf names what serves a mount.
func goferOf(d directfspolicy.Decision) string {
	if d.ServedByVolume() {
		return d.Gofer.String()
	}
	return string(directfspolicy.Default)
}

func (d *differ) sandbox(of string, before, after directfspolicy.Sandbox) {
	d.value(of, "", "raised", yesNo(before.Raised), yesNo(after.Raised))
	d.list(of, "raisedFor", texts(before.RaisedFor), texts(after.RaisedFor))
	d.value(of, "", "writesHost", yesNo(before.WritesHost), yesNo(after.WritesHost))
	d.list(of, "capabilities", before.Capabilities, after.Capabilities)
	d.value(of, "", "userNamespace", namespace(before), namespace(after))
	d.value(of, "", "umask", umask(before), umask(after))
}

// texts are things as they are shown to people.
func texts[T fmt.Stringer](list []T) []string {
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = v.String()
	}
	return all
}

// namespace is the word for the sandbox's user namespace.
func namespace(s directfspolicy.Sandbox) string {
	if s.SpecUserNamespace {
		return "spec"
	}
	return "new"
}

func umask(s directfspolicy.Sandbox) string {
	if s.UmaskZero {
		return "0"
	}
	return "unchanged"
}

func (d *differ) filter(of string, before, after []directfspolicy.SetName) {
	d.list(of, "seccomp", setNames(before), setNames(after))
	d.list(of, callsField, directfspolicy.Calls(before...), directfspolicy.Calls(after...))
}

func setNames(sets []directfspolicy.SetName) []string {
	all := make([]string, len(sets))
	for i, s := range sets {
		all[i] = string(s)
	}
	return all
}
