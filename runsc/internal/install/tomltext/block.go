package tomltext

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Block is a part of a file that is ours: its lines between two comments.
type Block struct {
	Runtime string // whose it is
	Body    string // whole lines
	// Edited reports whether the body is not what was written.
	Edited bool

	span [2]int
}

var (
	begin = regexp.MustCompile(`^# >>> runsc install, runtime "([^"]*)", sum ([0-9a-f]{16})(?:: .*)?$`)
	end   = regexp.MustCompile(`^# <<< runsc install, runtime "([^"]*)"$`)
)

func sum(body string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(body)))[:16] }

// lines returns the text of a block. The sum is how a change inside is seen.
func lines(runtime, body string) string {
	return fmt.Sprintf("# >>> runsc install, runtime %q, sum %s: \"runsc uninstall\" removes the lines up to <<<\n"+
		"%s# <<< runsc install, runtime %q\n", runtime, sum(body), body, runtime)
}

// Blocks returns those of a valid text, or an error where a block's first or
// last line is missing.
func Blocks(text []byte) ([]Block, error) {
	var all []Block
	var open *Block
	var bodyStart int
	var written string
	for _, s := range statements(text) {
		if !s.comment {
			continue
		}
		line := bytes.TrimRight(text[s.start:s.end], "\r\n")
		if m := begin.FindSubmatch(line); m != nil {
			if open != nil {
				return nil, missing(text, s.start, "last", open.Runtime)
			}
			open = &Block{Runtime: string(m[1]), span: [2]int{s.start, 0}}
			bodyStart, written = s.end, string(m[2])
		} else if m := end.FindSubmatch(line); m != nil {
			if open == nil || open.Runtime != string(m[1]) {
				return nil, missing(text, s.start, "first", string(m[1]))
			}
			open.Body, open.span[1] = string(text[bodyStart:s.start]), s.end
			open.Edited = sum(open.Body) != written
			all = append(all, *open)
			open = nil
		}
	}
	if open != nil {
		return nil, missing(text, len(text), "last", open.Runtime)
	}
	return all, nil
}

func missing(text []byte, at int, which, runtime string) error {
	return fmt.Errorf("line %d: the %s line of what runsc install wrote for the runtime %q is missing; remove the rest of it by hand",
		1+bytes.Count(text[:at], []byte("\n")), which, runtime)
}

// Find returns the block of a runtime.
func Find(text []byte, runtime string) (Block, bool, error) {
	all, err := Blocks(text)
	for i, b := range all {
		if b.Runtime != runtime {
			continue
		}
		for _, other := range all[i+1:] {
			if other.Runtime == runtime {
				return Block{}, false, fmt.Errorf("runsc install's block for the runtime %q is there twice; remove one by hand", runtime)
			}
		}
		return b, true, err
	}
	return Block{}, false, err
}

// Append returns the text with a block at its end. A text whose last line does
// not end goes on without that end.
func Append(text []byte, runtime, body string) []byte {
	block := lines(runtime, body)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		block = "\n" + strings.TrimSuffix(block, "\n")
	}
	return append(bytes.Clone(text), block...)
}

// Replace returns the text with another body in a block.
func Replace(text []byte, b Block, body string) []byte {
	block := lines(b.Runtime, body)
	if b.span[1] == len(text) && text[len(text)-1] != '\n' {
		block = strings.TrimSuffix(block, "\n")
	}
	return bytes.Join([][]byte{text[:b.span[0]], []byte(block), text[b.span[1]:]}, nil)
}

// Remove returns the text without a block, as it was before Append.
func Remove(text []byte, b Block) []byte {
	start := b.span[0]
	if b.span[1] == len(text) && text[len(text)-1] != '\n' && start > 0 {
		start-- // the line end that Append has put there
	}
	return bytes.Join([][]byte{text[:start], text[b.span[1]:]}, nil)
}

// ErrByHand is an edit that lines cannot make.
var ErrByHand = errors.New("cannot be written without changing lines that are there")

// CheckAdded returns an error unless one text says what another does, and in
// addition what a block does.
func CheckAdded(old, changed []byte, body string) error {
	before, err := Parse(old)
	if err != nil {
		return err
	}
	added, err := Parse([]byte(body))
	if err != nil {
		return err
	}
	want, err := Merge(before, added)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrByHand, err)
	}
	after, err := Parse(changed)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrByHand, err)
	}
	if !equal(want, after) {
		return ErrByHand
	}
	return nil
}

// States reports whether a runtime's block has a key.
func States(text, runtime string, key ...string) bool {
	b, ok, err := Find([]byte(text), runtime)
	if !ok || err != nil {
		return false
	}
	values, err := Parse([]byte(b.Body))
	if err != nil {
		return false
	}
	_, ok = Get(values, key...)
	return ok
}
