package overlaymount

import (
	"fmt"
	"slices"
	"strings"
)

// Check says what is wrong with an overlay before it is mounted: all that would
// make the kernel refuse it, and what the kernel mounts and then breaks. Where
// whoever mounts is in a user namespace, the mount is checked as with userxattr,
// which has to be added: see [Mount.WithUserXattr]. Where nobody looked at the
// host, only what the options tell is said.
//
// Layers that carry the attributes of the other dialect are refused, lower ones
// too: whoever reads trusted.overlay.* does not see user.overlay.opaque, and
// shows again what was deleted below it.
func Check(m Mount, f Facts, d Driver) []*Finding {
	if f.UserNamespace || d == Sentry {
		// The sentry's overlay has user.overlay.* only.
		m = m.WithUserXattr()
	}
	c := &checker{m: m, f: f, driver: d}
	c.structure()
	c.options()
	if d == Sentry {
		c.sentry()
	} else {
		c.conflicts()
	}
	c.volumes()
	if f.Known {
		c.host()
	}
	return c.findings
}

type checker struct {
	m        Mount
	f        Facts
	driver   Driver
	findings []*Finding
}

func (c *checker) add(f Finding) { c.findings = append(c.findings, &f) }

// anotherDriver is the end of what to do where the sentry's overlay can do what
// the kernel's cannot.
const anotherDriver = "or the sentry driver (gvisor.overlay=sentry)"

// structure is what layers there have to be.
func (c *checker) structure() {
	lower, data := len(c.m.Lower), len(c.m.Data)
	upper, work := c.m.Upper != "", c.m.Work != ""
	switch {
	case lower == 0 && data > 0:
		c.add(Finding{Code: CodeNoLower, Option: string(Lower), Problem: "has nothing but data-only layers", Fix: "name a lower layer above them"})
	case lower == 0:
		c.add(Finding{Code: CodeNoLower, Option: string(Lower), Problem: "is missing", Fix: "name the layers that are only read"})
	case lower == 1 && data == 0 && !upper:
		c.add(Finding{
			Code: CodeOneLower, Option: string(Lower), Path: c.m.Lower[0], Problem: "is the only layer",
			Fix: "use a read-only bind mount, or name an upperdir and a workdir",
		})
	}
	if lower+data > MaxLower {
		c.add(Finding{
			Code: CodeTooManyLower, Option: string(Lower), Problem: fmt.Sprintf("there are %d layers, more than %d", lower+data, MaxLower),
			Fix: "merge some of them",
		})
	}
	if upper && !work {
		c.add(Finding{
			Code: CodeNoWork, Option: string(Work), Problem: "is missing beside upperdir",
			Fix: "name an empty directory on the mount of " + quote(c.m.Upper),
		})
	}
	if work && !upper {
		c.add(Finding{
			Code: CodeWorkAlone, Option: string(Work), Path: c.m.Work, Problem: "is ignored without an upperdir: the overlay is read-only",
			Fix: "name an upperdir, or remove workdir", Warning: true,
		})
	}
}

func quote(s string) string { return fmt.Sprintf("%q", s) }

// options looks at each option by itself.
func (c *checker) options() {
	for _, o := range c.m.Options {
		known, ok := lookup(o.Key)
		if !ok {
			c.unknown(o)
			continue
		}
		switch {
		case len(known.values) == 0 && o.HasValue:
			c.value(o, "takes no value", "write "+o.Key)
		case len(known.values) > 0 && !slices.Contains(known.values, o.Value):
			c.value(o, "does not take this value", "write one of "+join(known.values))
		}
	}
}

func (c *checker) value(o Option, problem, fix string) {
	c.add(Finding{Code: CodeValue, Option: o.String(), Problem: problem, Fix: fix})
}

// unknown leaves to the kernel what can be an option of another one.
func (c *checker) unknown(o Option) {
	if strings.Contains(o.Key, "/") {
		c.add(Finding{
			Code: CodeUnknownOption, Option: o.Key, Problem: "is no option of an overlay",
			Fix: `write \, for a comma that belongs to a path`,
		})
		return
	}
	if near, ok := Nearest(o.Key); ok {
		c.add(Finding{
			Code: CodeUnknownOption, Option: o.Key, Problem: "is no option of an overlay",
			Fix: "did you mean " + near + "?",
		})
	}
}
