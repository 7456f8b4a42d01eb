package install

import (
	"errors"
	"fmt"
	"strings"

	"github.com/directfs/runsc/runsc/internal/install/files"
	"github.com/directfs/runsc/runsc/internal/install/tomltext"
)

// madeByUs is the first line of a TOML file that install has made.
const madeByUs = `# This file was made by "runsc install"; "runsc uninstall" removes it unless there is something else in it.` + "\n"

// block is what a client's TOML file gets.
type block struct {
	header string   // of a file that is not there yet
	body   string   // lines
	path   []string // of the keys that are a foreign runtime where they are not ours; empty: any key
}

// put returns what becomes of a file that gets a block.
func (t *task) put(f files.File, b block) (files.Change, error) {
	none := files.Change{}
	text, own, err := t.base(f, b.header)
	if err != nil {
		return none, err
	}
	if own != nil {
		if own.Edited && !t.discardEdits {
			return none, edited(f, t.runtime, "writes over it")
		}
		changed := tomltext.Replace(f.Text, *own, b.body)
		return files.Change{File: f, New: changed}, t.checkAdded(f, text, changed, b)
	}
	values, err := tomltext.Parse(text)
	if err != nil {
		return none, fmt.Errorf("%s: %w", f.Path, err)
	}
	if taken(values, b.path) {
		if text, err = t.replaceForeign(f, text, b); err != nil {
			return none, err
		}
	}
	changed := tomltext.Append(text, t.runtime, b.body)
	return files.Change{File: f, New: changed}, t.checkAdded(f, text, changed, b)
}

func taken(values map[string]any, path []string) bool {
	if len(path) == 0 {
		return len(values) > 0
	}
	_, ok := tomltext.Get(values, path...)
	return ok
}

// base returns a file's text without the runtime's block, and that block.
func (t *task) base(f files.File, header string) (text []byte, own *tomltext.Block, err error) {
	if !f.Exists {
		return []byte(madeByUs + header), nil, nil
	}
	if _, err := tomltext.Parse(f.Text); err != nil {
		return nil, nil, fmt.Errorf("%s: %w; correct it first (%s does not read it either)", f.Path, err, t.client.name())
	}
	b, ok, err := tomltext.Find(f.Text, t.runtime)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	if !ok {
		return f.Text, nil, nil
	}
	return tomltext.Remove(f.Text, b), &b, nil
}

func edited(f files.File, runtime, discard string) error {
	return fmt.Errorf("%s: somebody has changed what runsc install wrote for the runtime %q, between the lines with >>> and <<<; --discard-edits %s",
		f.Path, runtime, discard)
}

// replaceForeign makes comments of what somebody else has configured under the
// name, so that uninstall can bring it back.
func (t *task) replaceForeign(f files.File, text []byte, b block) ([]byte, error) {
	what, where := "something else", ""
	if len(b.path) > 0 {
		what = tomltext.Key(b.path...)
		if line := tomltext.Line(text, b.path...); line > 0 {
			where = fmt.Sprintf(" line %d:", line)
		}
	}
	if !t.clobber {
		return nil, fmt.Errorf("%s:%s %s is there already, and runsc install did not write it; take another name by --runtime, or make comments of it and replace it by --clobber",
			f.Path, where, what)
	}
	commented, err := tomltext.CommentOut(text, t.runtime, b.path...)
	if err != nil {
		return nil, byHand(f, err, b)
	}
	t.notef("%s:%s %s was there already; it is made comments, which uninstall brings back", f.Path, where, what)
	return commented, nil
}

// checkAdded lets a real parser compare what was with what would be.
func (t *task) checkAdded(f files.File, text, changed []byte, b block) error {
	if err := tomltext.CheckAdded(text, changed, b.body); err != nil {
		return byHand(f, err, b)
	}
	return nil
}

func byHand(f files.File, err error, b block) error {
	if errors.Is(err, tomltext.ErrByHand) {
		return fmt.Errorf("%s: the runtime %w; write this by hand where it belongs:\n\n    %s", f.Path, err,
			strings.TrimSpace(strings.ReplaceAll(b.body, "\n", "\n    ")))
	}
	return fmt.Errorf("%s: %w", f.Path, err)
}

// drop returns what becomes of a file that loses the runtime's block; ok is
// false if it has none.
func (t *task) drop(f files.File, header string) (c files.Change, ok bool, err error) {
	text, own, err := t.base(f, "")
	if err != nil || own == nil {
		return files.Change{File: f, New: f.Text, Remove: !f.Exists}, false, err
	}
	if own.Edited && !t.discardEdits {
		return c, false, edited(f, t.runtime, "removes it")
	}
	text = tomltext.Restore(text, t.runtime)
	if string(text) == madeByUs+header {
		return files.Change{File: f, Remove: true}, true, nil
	}
	if _, err := tomltext.Parse(text); err != nil {
		return c, false, fmt.Errorf("%s: without the block of the runtime %q it would not be valid TOML (%w); remove the block by hand", f.Path, t.runtime, err)
	}
	return files.Change{File: f, New: text}, true, nil
}
