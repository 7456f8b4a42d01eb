package verify

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// words is struct seccomp_data (seccomp(2)) as the 32-bit words that a filter
// can load, on a little-endian machine: the number, the architecture, the
// instruction pointer and six arguments, each with its lower half first.
type words [wordCount]uint32

const (
	wordCount = 16
	nrWord    = 0
	archWord  = 1
	argsWord  = 4
)

// lower is the word with an argument's lower half.
func lower(arg int) int { return argsWord + 2*arg }

// call returns the words of a call by this architecture's numbers.
func call(nr uint32, args ...uint64) words {
	w := words{nrWord: nr, archWord: nativeArch}
	for i, a := range args {
		w[lower(i)], w[lower(i)+1] = uint32(a), uint32(a>>32)
	}
	return w
}

// packet is what the virtual machine is to run on. It loads big-endian words,
// the kernel's loads for seccomp have the machine's order.
func (w words) packet() []byte {
	p := make([]byte, 0, 4*wordCount)
	for _, v := range w {
		p = binary.BigEndian.AppendUint32(p, v)
	}
	return p
}

// action is what a filter answers, without the data in the lower half.
type action uint32

const (
	actionAllow action = unix.SECCOMP_RET_ALLOW
	actionLog   action = unix.SECCOMP_RET_LOG
)

func actionOf(ret uint32) action { return action(ret & unix.SECCOMP_RET_ACTION_FULL) }

// denies reports whether the answer keeps the kernel from executing the call.
// A tracer or a listener could yet let it through.
func (a action) denies() bool {
	switch a {
	case unix.SECCOMP_RET_KILL_PROCESS, unix.SECCOMP_RET_KILL_THREAD, unix.SECCOMP_RET_TRAP, unix.SECCOMP_RET_ERRNO:
		return true
	}
	return false
}

// allows reports whether the kernel executes the call whatever else there is.
func (a action) allows() bool { return a == actionAllow || a == actionLog }

// stricter reports whether of two filters' answers a is the one that counts
// (seccomp(2)): the kernel compares them as signed numbers.
func (a action) stricter(b action) bool { return int32(a) < int32(b) }

// filter is one seccomp program.
type filter struct {
	code []bpf.Instruction
	vm   *bpf.VM
}

func newFilter(raw []bpf.RawInstruction) (filter, error) {
	code, ok := bpf.Disassemble(raw)
	if !ok {
		return filter{}, errors.New("the filter has an unknown instruction")
	}
	vm, err := bpf.NewVM(code)
	if err != nil {
		return filter{}, fmt.Errorf("the filter is malformed: %w", err)
	}
	return filter{code, vm}, nil
}

// run returns the filter's answer for a call.
func (f filter) run(w words) (action, error) {
	ret, err := f.vm.Run(w.packet())
	return actionOf(uint32(ret)), err
}

// stack is all filters of a thread. The strictest answer counts.
type stack []filter

// run returns what the kernel does for a call. Without a filter it allows all.
func (s stack) run(w words) (action, error) {
	answer := actionAllow
	for _, f := range s {
		a, err := f.run(w)
		if err != nil {
			return a, err
		}
		if a.stricter(answer) {
			answer = a
		}
	}
	return answer, nil
}
