package verify

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// maxTries bounds the search for arguments that a stack allows. The engine's
// rules for one call compare a handful of arguments with some constants.
const maxTries = 20000

// allows looks for arguments with which the stack allows the call, and reports
// whether there are any. What it finds was executed by the virtual machine:
// true is certain.
//
// It starts from plain arguments and, as long as they are denied, changes one
// of the words that the filters looked at so that one comparison comes out the
// other way.
func (s stack) allows(nr uint32) (bool, error) {
	// A first argument that is an FD; then all zeros.
	todo := []words{call(nr, 3), call(nr)}
	seen := map[words]bool{}
	for len(todo) > 0 && len(seen) < maxTries {
		w := todo[0]
		todo = todo[1:]
		if seen[w] {
			continue
		}
		seen[w] = true
		answer, err := s.run(w)
		if err != nil || answer.allows() {
			return err == nil, err
		}
		for _, f := range s {
			comparisons, err := f.trace(w)
			if err != nil {
				return false, err
			}
			for _, c := range comparisons {
				todo = append(todo, c.flip(w)...)
			}
		}
	}
	return false, nil
}

// comparison is a jump that depended on one word of a call.
type comparison struct {
	word int
	mask uint32
	cond bpf.JumpTest
	with uint32
	held bool
}

// flip returns calls for which the comparison comes out the other way.
func (c comparison) flip(w words) []words {
	if c.word < argsWord {
		return nil // not an argument
	}
	var out []words
	for _, v := range []uint32{c.with, c.with + 1, c.with - 1, w[c.word] | c.with, w[c.word] &^ c.with, 0} {
		changed := w
		changed[c.word] = w[c.word]&^c.mask | v&c.mask
		if holds(c.cond, changed[c.word]&c.mask, c.with) != c.held {
			out = append(out, changed)
		}
	}
	return out
}

// trace executes the program and lists the comparisons of words with
// constants. Words are known through a mask alone; what a program computes
// otherwise is followed, but not listed.
func (f filter) trace(w words) ([]comparison, error) {
	zero := value{0, true}
	s := state{a: zero, x: zero}
	everything := pattern{}
	for i, v := range w {
		everything[i] = v
	}
	var list []comparison
	word, mask := -1, ^uint32(0)
	for s.pc < len(f.code) {
		switch ins := f.code[s.pc].(type) {
		case bpf.RetA, bpf.RetConstant:
			return list, nil
		case bpf.LoadAbsolute:
			word, mask = int(ins.Off/4), ^uint32(0)
		case bpf.ALUOpConstant:
			if ins.Op == bpf.ALUOpAnd {
				mask &= ins.Val
			} else {
				word = -1
			}
		case bpf.JumpIf:
			if word >= 0 && word < wordCount {
				list = append(list, comparison{word, mask, ins.Cond, ins.Val, holds(ins.Cond, w[word]&mask, ins.Val)})
			}
		case bpf.LoadConstant, bpf.LoadScratch, bpf.LoadExtension, bpf.TXA, bpf.ALUOpX, bpf.NegateA:
			word = -1
		}
		next, err := s.step(f.code[s.pc], everything)
		if err != nil {
			return nil, err
		}
		s = next[0]
	}
	return nil, fmt.Errorf("the filter runs past its end")
}
