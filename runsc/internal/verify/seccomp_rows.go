package verify

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// seccompMode names the modes of seccomp(2).
var seccompMode = map[int]string{0: "none", 1: "strict", 2: "filter"}

// seccomp compares the filters of a process with what the Plan expects.
func (r *Report) seccomp(p process, e expectation) {
	r.seccompMode(p)
	filters, err := readFilters(p.pid)
	if err == nil && len(filters) != p.main().filters {
		err = fmt.Errorf("%d filters could be read of %d", len(filters), p.main().filters)
	}
	var v verdicts
	if err == nil {
		v, err = e.examine(filters)
	}
	if err != nil {
		const actual = "its filters cannot be read"
		r.unverified(CheckSeccomp, itemCalls, "allowed: "+setList(e), actual, reason(err))
		for _, item := range []string{itemRest, itemForms, itemForeign} {
			r.unverified(CheckSeccomp, item, "denied", actual, reason(err))
		}
		return
	}
	r.calls(e, v)
}

const (
	itemCalls   = "calls of the sets"
	itemRest    = "file system calls of no set, and unknown ones"
	itemForms   = "forms of calls"
	itemForeign = "calls of other architectures"
)

// calls compares what the filters do with what the Plan expects.
func (r *Report) calls(e expectation, v verdicts) {
	r.judge(CheckSeccomp, itemCalls, fmt.Sprintf("%d allowed: %s", v.planned, setList(e)),
		count(v.planned-len(v.missing), "allowed", "denied", v.missing), len(v.missing) == 0)
	r.judge(CheckSeccomp, itemRest, fmt.Sprintf("%d denied", v.deniable+len(v.extra)),
		count(v.deniable, "denied", "allowed", v.extra), len(v.extra) == 0)
	if len(e.forms) > 0 {
		r.judge(CheckSeccomp, itemForms, fmt.Sprintf("%d denied", len(e.forms)),
			count(len(e.forms)-len(v.forms), "denied", "allowed", v.forms), len(v.forms) == 0)
	}
	r.judge(CheckSeccomp, itemForeign, "denied", count(-1, "denied", "allowed", v.foreign), len(v.foreign) == 0)
	if len(v.others) > 0 {
		r.other(CheckSeccomp, "other calls", "allowed: "+shorten(v.others))
	}
}

// seccompMode expects every thread to be under the same number of filters.
func (r *Report) seccompMode(p process) {
	main := p.main()
	actual := fmt.Sprintf("%s, filters: %d", seccompMode[main.seccomp], main.filters)
	ok := main.seccomp == unix.SECCOMP_MODE_FILTER && main.filters > 0
	for tid, t := range p.threads {
		if t.seccomp != main.seccomp || t.filters != main.filters {
			actual += fmt.Sprintf("; thread %d: %s, filters: %d", tid, seccompMode[t.seccomp], t.filters)
			ok = false
		}
	}
	r.judge(CheckSeccomp, "seccomp", "filter, every thread", actual, ok)
}

func setList(e expectation) string {
	var list []string
	for _, s := range e.sets {
		list = append(list, string(s))
	}
	return strings.Join(list, " ")
}

// reason says why filters cannot be read, in terms of what to change.
func reason(err error) string {
	switch {
	case errors.Is(err, unix.EACCES):
		return fmt.Sprintf("%v: it takes CAP_SYS_ADMIN, and a command that runs without a seccomp filter", err)
	case errors.Is(err, unix.EPERM):
		return fmt.Sprintf("%v: another tracer is attached, or kernel.yama.ptrace_scope is 3", err)
	case errors.Is(err, unix.EIO), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		return fmt.Sprintf("%v: the kernel is built without CONFIG_CHECKPOINT_RESTORE", err)
	}
	return err.Error()
}

// count says how many calls have the good property, and which have the bad one.
func count(n int, good, bad string, which []string) string {
	text := good
	if n >= 0 {
		text = fmt.Sprintf("%d %s", n, good)
	}
	if len(which) > 0 {
		text += fmt.Sprintf("; %d %s: %s", len(which), bad, shorten(which))
	}
	return text
}

// shorten lists the first few of the names.
func shorten(list []string) string {
	const few = 8
	if len(list) <= few {
		return strings.Join(list, " ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:few], " "), len(list)-few)
}
