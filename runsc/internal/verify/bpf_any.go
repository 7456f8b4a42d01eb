package verify

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// pattern is a set of calls: those whose words have the given values. A word
// that is not given may be anything.
type pattern map[int]uint32

// anyArgs is all calls with the number, by this architecture's numbers.
func anyArgs(nr uint32) pattern { return pattern{nrWord: nr, archWord: nativeArch} }

// with returns the pattern with both halves of an argument given.
func (p pattern) with(arg int, value uint64) pattern {
	q := pattern{lower(arg): uint32(value), lower(arg) + 1: uint32(value >> 32)}
	for k, v := range p {
		if _, ok := q[k]; !ok {
			q[k] = v
		}
	}
	return q
}

// denies reports whether the stack denies every call of the pattern. It errs
// on the safe side: true is certain, because of the filters one denies them
// all by every way through its program that the given words leave open.
func (s stack) denies(p pattern) (bool, error) {
	for _, f := range s {
		allowed, err := f.mayNotDeny(p)
		if err != nil || !allowed {
			return err == nil, err
		}
	}
	return false, nil
}

// value is a register's content, or that it is unknown.
type value struct {
	v     uint32
	known bool
}

// state is a point of a program's execution. Programs have no loops, so there
// are finitely many.
type state struct {
	pc      int
	a, x    value
	scratch [16]value
}

// mayNotDeny executes the program for all calls of the pattern at once: where
// a jump depends on an unknown value, both ways are gone.
func (f filter) mayNotDeny(p pattern) (bool, error) {
	zero := value{0, true}
	start := state{a: zero, x: zero}
	for i := range start.scratch {
		start.scratch[i] = zero
	}
	seen := map[state]bool{}
	todo := []state{start}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if s.pc >= len(f.code) {
			return true, fmt.Errorf("the filter runs past its end")
		}
		switch ins := f.code[s.pc].(type) {
		case bpf.RetConstant:
			if !actionOf(ins.Val).denies() {
				return true, nil
			}
		case bpf.RetA:
			if !s.a.known || !actionOf(s.a.v).denies() {
				return true, nil
			}
		default:
			next, err := s.step(ins, p)
			if err != nil {
				return true, err
			}
			if len(next) > 1 { // ways part here that may have met before
				if seen[s] {
					continue
				}
				seen[s] = true
			}
			todo = append(todo, next...)
		}
	}
	return false, nil
}

// step executes one instruction.
func (s state) step(ins bpf.Instruction, p pattern) ([]state, error) {
	s.pc++
	switch ins := ins.(type) {
	case bpf.LoadAbsolute:
		v, known := p[int(ins.Off/4)]
		s.a = value{v, known && ins.Size == 4 && ins.Off%4 == 0}
	case bpf.LoadConstant:
		s.set(ins.Dst, value{ins.Val, true})
	case bpf.LoadExtension:
		s.a = value{4 * wordCount, ins.Num == bpf.ExtLen}
	case bpf.LoadScratch:
		s.set(ins.Dst, s.scratch[ins.N])
	case bpf.StoreScratch:
		s.scratch[ins.N] = s.a
		if ins.Src == bpf.RegX {
			s.scratch[ins.N] = s.x
		}
	case bpf.TAX:
		s.x = s.a
	case bpf.TXA:
		s.a = s.x
	case bpf.ALUOpConstant:
		s.a = alu(ins.Op, s.a, value{ins.Val, true})
	case bpf.ALUOpX:
		s.a = alu(ins.Op, s.a, s.x)
	case bpf.NegateA:
		s.a.v = -s.a.v
	case bpf.Jump:
		s.pc += int(ins.Skip)
	case bpf.JumpIf:
		return s.branch(ins.Cond, value{ins.Val, true}, ins.SkipTrue, ins.SkipFalse), nil
	case bpf.JumpIfX:
		return s.branch(ins.Cond, s.x, ins.SkipTrue, ins.SkipFalse), nil
	default:
		return nil, fmt.Errorf("the filter has an instruction that seccomp does not: %v", ins)
	}
	return []state{s}, nil
}

func (s *state) set(r bpf.Register, v value) {
	if r == bpf.RegX {
		s.x = v
	} else {
		s.a = v
	}
}

func (s state) branch(cond bpf.JumpTest, with value, skipTrue, skipFalse uint8) []state {
	yes, no := s, s
	yes.pc += int(skipTrue)
	no.pc += int(skipFalse)
	switch {
	case !s.a.known || !with.known:
		return []state{yes, no}
	case holds(cond, s.a.v, with.v):
		return []state{yes}
	}
	return []state{no}
}

func holds(cond bpf.JumpTest, a, k uint32) bool {
	switch cond {
	case bpf.JumpEqual:
		return a == k
	case bpf.JumpNotEqual:
		return a != k
	case bpf.JumpGreaterThan:
		return a > k
	case bpf.JumpLessThan:
		return a < k
	case bpf.JumpGreaterOrEqual:
		return a >= k
	case bpf.JumpLessOrEqual:
		return a <= k
	case bpf.JumpBitsSet:
		return a&k != 0
	}
	return a&k == 0 // bpf.JumpBitsNotSet
}

// alu computes with what is known. The engine's programs mask; the results of
// other operations count as unknown, which is on the safe side.
func alu(op bpf.ALUOp, a, b value) value {
	if a.known && b.known {
		switch op {
		case bpf.ALUOpAnd:
			return value{a.v & b.v, true}
		case bpf.ALUOpOr:
			return value{a.v | b.v, true}
		case bpf.ALUOpXor:
			return value{a.v ^ b.v, true}
		}
	}
	if op == bpf.ALUOpAnd && (a.known && a.v == 0 || b.known && b.v == 0) {
		return value{0, true}
	}
	return value{}
}
