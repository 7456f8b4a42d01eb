package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/directfs/runsc/directfspolicy"
	"github.com/directfs/runsc/runsc/harness"
	"github.com/directfs/runsc/runsc/internal/e2e/guest/report"
	"golang.org/x/sys/unix"
)

// showGuest prints the guest's own mount table, and whether it is as planned
// and file operations work on every mount.
func (s *stage) showGuest(plan directfspolicy.Plan, r report.Report) {
	fmt.Printf("\nWhat the guest sees in its own /proc/mounts (a gofer mount has type 9p):\n\n")
	for _, m := range r.Mounts {
		fmt.Printf("  %-6s %-6s %s\n", m.Mount, m.Type, strings.Join(slices.DeleteFunc(slices.Clone(m.Options), isPlumbing), ","))
	}
	fmt.Println()
	var seen []string
	for _, m := range r.Mounts {
		if m.Has("directfs") {
			seen = append(seen, m.Mount)
		}
	}
	s.verdict("directfs in the guest", plan.Donations(), seen)
	var worked, all []string
	for _, o := range r.Ops {
		all = append(all, o.Dir)
		if o.OK {
			worked = append(worked, o.Dir)
		}
	}
	s.verdict("file operations work", all, worked)
}

// isPlumbing reports whether a mount option says nothing about access or cache.
func isPlumbing(option string) bool {
	key, _, _ := strings.Cut(option, "=")
	return slices.Contains([]string{"trans", "rfdno", "wfdno", "aname", "dfltuid", "dfltgid", "dcache", "disable_fifo_open", "overlayfs_stale_read"}, key)
}

// showSandbox prints what the sandbox process holds beside what was planned.
func (s *stage) showSandbox(c *harness.Container, plan directfspolicy.Plan) error {
	st, err := harness.ReadStatus(c.SandboxPID)
	if err != nil {
		return err
	}
	self, err := harness.ReadStatus(os.Getpid())
	if err != nil {
		return err
	}
	maps, err := harness.UIDMap(c.SandboxPID)
	if err != nil {
		return err
	}
	held, err := c.Bundle.Held(c.SandboxPID)
	if err != nil {
		return err
	}
	reachable, err := c.Bundle.Reachable(c.SandboxPID)
	if err != nil {
		return err
	}
	fmt.Printf("\nWhat the sandbox process (pid %d) holds, from /proc:\n\n", c.SandboxPID)
	uid, umask, ns := 65534, self.Umask, []harness.IDMap{{Inside: 65534, Outside: 65534, Size: 1}}
	if plan.Sandbox().Raised {
		uid, umask, ns = 0, 0, []harness.IDMap{{Inside: 0, Outside: 0, Size: ^uint32(0)}}
	}
	s.verdict("capabilities for files", plan.Sandbox().Capabilities, (harness.DirectFSCaps & (st.Effective | st.Permitted | st.Bounding)).Names())
	s.verdict("user id", []string{fmt.Sprint(uid)}, []string{fmt.Sprint(st.Uid[1])})
	s.verdict("umask", []string{fmt.Sprintf("%04o", umask)}, []string{fmt.Sprintf("%04o", st.Umask)})
	s.verdict("user namespace maps", words(ns), words(maps))
	s.verdict("seccomp", []string{"filter"}, []string{seccompMode(st)})
	s.verdict("holds directories of", plan.Donations(), append(held.Mounts(), strangers(held)...))
	s.verdict("reaches from these", plan.Donations(), reachable)
	const ptrace = harness.Caps(1 << unix.CAP_SYS_PTRACE)
	switch rest := st.Effective &^ harness.DirectFSCaps; rest {
	case 0:
	case ptrace:
		fmt.Println("          besides: CAP_SYS_PTRACE, for the sandbox's platform, not for directfs")
	default:
		fmt.Printf("          besides: capabilities %v\n", rest)
	}
	return nil
}

// verdict prints one line for each of what was planned and what is real. The
// order does not matter.
func (s *stage) verdict(what string, planned, real []string) {
	p, r := slices.Sorted(slices.Values(planned)), slices.Sorted(slices.Values(real))
	word := "ok"
	if !slices.Equal(p, r) {
		word = "DIFFERS"
		s.differ++
	}
	fmt.Printf("  %-7s %-22s planned: %s\n", word, what, list(p))
	fmt.Printf("  %-7s %-22s real:    %s\n", "", "", list(r))
}

func list(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, " ")
}

func words(maps []harness.IDMap) []string {
	var out []string
	for _, m := range maps {
		out = append(out, fmt.Sprintf("%d->%d(%d)", m.Inside, m.Outside, m.Size))
	}
	return out
}

func seccompMode(s harness.Status) string {
	if s.Seccomp == unix.SECCOMP_MODE_FILTER {
		return "filter"
	}
	return fmt.Sprintf("mode %d", s.Seccomp)
}

func strangers(h harness.Held) []string {
	var out []string
	for _, d := range h.Strangers {
		out = append(out, "stranger:"+d.Link)
	}
	return out
}
