package verify

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

func assemble(t *testing.T, code ...bpf.Instruction) filter {
	t.Helper()
	raw, err := bpf.Assemble(code)
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFilter(raw)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const kill, errno, allow = unix.SECCOMP_RET_KILL_PROCESS, unix.SECCOMP_RET_ERRNO | uint32(unix.EROFS), unix.SECCOMP_RET_ALLOW

// onlyCall7 allows call 7 if the lower half of its second argument, masked, is
// 0x30 and the upper half is 0.
func onlyCall7(t *testing.T) filter {
	word := func(i int) bpf.Instruction { return bpf.LoadAbsolute{Off: uint32(4 * i), Size: 4} }
	return assemble(t,
		word(archWord), bpf.JumpIf{Cond: bpf.JumpEqual, Val: nativeArch, SkipFalse: 8},
		word(nrWord), bpf.JumpIf{Cond: bpf.JumpEqual, Val: 7, SkipFalse: 6},
		word(lower(1)+1), bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipFalse: 4},
		word(lower(1)), bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf0}, bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x30, SkipFalse: 1},
		bpf.RetConstant{Val: allow},
		bpf.RetConstant{Val: kill},
	)
}

// notArgument allows all but one lower half of the second argument.
func notArgument(t *testing.T, v uint32) filter {
	return assemble(t,
		bpf.LoadAbsolute{Off: uint32(4 * lower(1)), Size: 4}, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipFalse: 1},
		bpf.RetConstant{Val: errno},
		bpf.RetConstant{Val: allow},
	)
}

func constant(t *testing.T, ret uint32) filter { return assemble(t, bpf.RetConstant{Val: ret}) }

func TestRun(t *testing.T) {
	f := onlyCall7(t)
	for _, c := range []struct {
		w    words
		want action
	}{
		{call(7, 0, 0x30), allow},
		{call(7, 0, 0xf3f), allow},
		{call(7, 0, 0xf4f), kill},
		{call(7, 0, 0x1_0000_0030), kill},
		{call(8, 0, 0x30), kill},
		{words{nrWord: 7, archWord: foreignArch, 6: 0x30}, kill},
	} {
		if got, err := f.run(c.w); err != nil || got != c.want {
			t.Errorf("%v gives %#x, %v, want %#x", c.w, got, err, c.want)
		}
	}
}

// seccomp(2) lists the actions by precedence, the strictest first.
func TestStrictest(t *testing.T) {
	order := []uint32{unix.SECCOMP_RET_KILL_PROCESS, unix.SECCOMP_RET_KILL_THREAD, unix.SECCOMP_RET_TRAP, unix.SECCOMP_RET_ERRNO,
		unix.SECCOMP_RET_USER_NOTIF, unix.SECCOMP_RET_TRACE, unix.SECCOMP_RET_LOG, unix.SECCOMP_RET_ALLOW}
	for i, a := range order {
		for j, b := range order {
			got, err := stack{constant(t, a|5), constant(t, b|9)}.run(call(1))
			if want := action(order[min(i, j)]); err != nil || got != want {
				t.Errorf("%#x and %#x give %#x, %v, want %#x", a, b, got, err, want)
			}
		}
		if denies := i < 4; action(a).denies() != denies || action(a).allows() != (i > 5) {
			t.Errorf("%#x denies: %v, allows: %v", a, action(a).denies(), action(a).allows())
		}
	}
}

func TestSearch(t *testing.T) {
	seven := onlyCall7(t)
	for _, c := range []struct {
		name           string
		s              stack
		nr             uint32
		p              pattern
		allows, denies bool
	}{
		{"found behind a mask", stack{seven}, 7, anyArgs(7), true, false},
		{"found beside what a second filter denies", stack{notArgument(t, 0x30), seven}, 7, anyArgs(7), true, false},
		{"another call", stack{seven}, 8, anyArgs(8), false, true},
		{"a wrong argument", stack{seven}, 7, anyArgs(7).with(1, 0x41), true, true},
		{"a wrong upper half", stack{seven}, 7, anyArgs(7).with(1, 0x1_0000_0030), true, true},
		{"the right argument", stack{seven}, 7, anyArgs(7).with(1, 0x31), true, false},
		{"any architecture", stack{seven}, 7, pattern{nrWord: 7}, true, false},
		{"a foreign architecture", stack{seven}, 7, pattern{archWord: foreignArch}, true, true},
		{"one of two denies", stack{seven, constant(t, errno)}, 7, anyArgs(7), false, true},
		{"no filter", stack{}, 7, anyArgs(7), true, false},
		{"a tracer decides", stack{constant(t, unix.SECCOMP_RET_TRACE)}, 7, anyArgs(7), false, false},
		{"a listener decides", stack{constant(t, unix.SECCOMP_RET_USER_NOTIF)}, 7, anyArgs(7), false, false},
		{"logged", stack{constant(t, unix.SECCOMP_RET_LOG)}, 7, anyArgs(7), true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			allows, err := c.s.allows(c.nr)
			if err != nil || allows != c.allows {
				t.Errorf("allows: %v, %v, want %v", allows, err, c.allows)
			}
			denies, err := c.s.denies(c.p)
			if err != nil || denies != c.denies {
				t.Errorf("denies: %v, %v, want %v", denies, err, c.denies)
			}
		})
	}
}

// Scratch memory, the index register and arithmetic are followed or, where
// they are not, count as unknown.
func TestUnknownIsNotDenied(t *testing.T) {
	nr := bpf.LoadAbsolute{Off: 4 * nrWord, Size: 4}
	ret := []bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpEqual, Val: 7, SkipFalse: 1}, bpf.RetConstant{Val: kill}, bpf.RetConstant{Val: allow}}
	with := func(code ...bpf.Instruction) stack { return stack{assemble(t, append(code, ret...)...)} }
	for name, c := range map[string]struct {
		s      stack
		denies bool
	}{
		"scratch":         {with(nr, bpf.StoreScratch{Src: bpf.RegA, N: 3}, bpf.LoadConstant{Dst: bpf.RegA, Val: 1}, bpf.LoadScratch{Dst: bpf.RegA, N: 3}), true},
		"index register":  {with(nr, bpf.TAX{}, bpf.LoadConstant{Dst: bpf.RegA, Val: 1}, bpf.TXA{}), true},
		"addition":        {with(nr, bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 0}), false},
		"part of a word":  {with(bpf.LoadAbsolute{Off: 0, Size: 1}), false},
		"register result": {stack{assemble(t, bpf.LoadAbsolute{Off: uint32(4 * lower(0)), Size: 4}, bpf.RetA{})}, false},
	} {
		if denies, err := c.s.denies(anyArgs(7)); err != nil || denies != c.denies {
			t.Errorf("%s: denies: %v, %v, want %v", name, denies, err, c.denies)
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, raw := range [][]bpf.RawInstruction{
		nil,
		{{Op: 0xffff}},
		{{Op: 0x05, K: 5}, {Op: 0x06}}, // jumps past the end
	} {
		if _, err := newFilter(raw); err == nil {
			t.Errorf("%v is a filter", raw)
		}
	}
}

// Of this process, the filters read are as many as the kernel says there are.
// A thread cannot trace its own process, so another one is asked for its own.
func TestReadFiltersOfNobody(t *testing.T) {
	if _, err := readFilters(1 << 30); err == nil {
		t.Error("a process that cannot exist has filters")
	}
	if _, err := readFilters(os.Getpid()); err == nil {
		t.Error("a process traces itself")
	} else if reason(err) == "" {
		t.Error(fmt.Errorf("no reason for %w", err))
	}
}
