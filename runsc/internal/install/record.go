package install

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/directfs/runsc/runsc/internal/install/files"
	"github.com/directfs/runsc/runsc/internal/install/jsontext"
)

// record is what install has changed in daemon.json, for uninstall. Names of
// runtimes that daemon.json does not have are those of runs that were killed.
type record struct {
	Comment string `json:"comment"`
	// Entries are our runtimes by name; two while one is changed.
	Entries map[string][]entry `json:"entries"`
	// Replaced are those that were there before ours, by name.
	Replaced map[string]string `json:"replaced,omitempty"`
	// Settings are other members that were set.
	Settings map[string]setting `json:"settings,omitempty"`
	// Runtimes reports whether "runtimes" was not there.
	Runtimes bool `json:"madeRuntimes,omitempty"`
	// File reports whether the file was not there, and Blank is what was in it
	// if it was blank.
	File  bool    `json:"madeFile,omitempty"`
	Blank *string `json:"blank,omitempty"`
}

// setting is one member: what we set, and what it was before.
type setting struct {
	Ours   string  `json:"ours"`
	Before *string `json:"before"`
}

const recordComment = `"runsc uninstall" needs this file to leave daemon.json as it was before "runsc install"`

func readRecord(f files.File) (*record, error) {
	r := &record{}
	if f.Exists {
		if err := json.Unmarshal(f.Text, r); err != nil {
			return nil, fmt.Errorf("%s: %w; it is what runsc install has kept for uninstall: remove it, and uninstall will remove the runtime alone", f.Path, err)
		}
	}
	r.fill()
	return r, nil
}

func (r *record) fill() {
	r.Comment = recordComment
	if r.Entries == nil {
		r.Entries = map[string][]entry{}
	}
	if r.Replaced == nil {
		r.Replaced = map[string]string{}
	}
	if r.Settings == nil {
		r.Settings = map[string]setting{}
	}
}

func (r *record) clone() *record {
	c := *r
	c.Entries, c.Replaced, c.Settings = maps.Clone(r.Entries), maps.Clone(r.Replaced), maps.Clone(r.Settings)
	return &c
}

// begin returns the text in which install writes, and forgets what the record
// says of runtimes that are gone.
func (r *record) begin(conf files.File) (jsontext.Text, error) {
	if len(bytes.TrimSpace(conf.Text)) == 0 {
		*r = record{File: !conf.Exists}
		if conf.Exists {
			blank := string(conf.Text)
			r.Blank = &blank
		}
		r.fill()
		return jsontext.Text("{\n}\n"), nil
	}
	if err := jsontext.Check(conf.Text); err != nil {
		return nil, err
	}
	text := jsontext.Text(conf.Text)
	r.forget(text, "")
	if len(r.Entries) == 0 {
		*r = record{}
		r.fill()
	}
	return text, nil
}

// isOurs reports whether a runtime's text is what we wrote.
func (r *record) isOurs(name, text string) bool {
	return slices.ContainsFunc(r.Entries[name], func(e entry) bool { return sameJSON(text, e) })
}

// forget drops runtimes that are gone from the text, but for one.
func (r *record) forget(text jsontext.Text, but string) {
	for name := range r.Entries {
		if _, ok := text.Get(runtimes, name); !ok && name != but {
			delete(r.Entries, name)
			delete(r.Replaced, name)
		}
	}
}

// set sets a member and notes what it was.
func (r *record) set(text jsontext.Text, name string, value any) (jsontext.Text, error) {
	old, ok := text.Get(name)
	if ok && sameJSON(old, value) {
		return text, nil
	}
	s := setting{}
	if earlier, again := r.Settings[name]; again && ok && earlier.Ours == old {
		s.Before = earlier.Before
	} else if ok {
		s.Before = &old
	}
	text, err := text.Set(value, name)
	if err != nil {
		return nil, err
	}
	s.Ours, _ = text.Get(name)
	r.Settings[name] = s
	return text, nil
}

func (r *record) settings() []string { return slices.Collect(maps.Keys(r.Settings)) }

// end undoes what is left when the last runtime is gone: settings that nobody
// has changed since, "runtimes" and the file.
func (r *record) end(text jsontext.Text, conf files.File) (files.Change, error) {
	none := files.Change{}
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		s := r.Settings[name]
		now, ok := text.Get(name)
		if !ok || now != s.Ours {
			continue
		}
		var err error
		if s.Before != nil {
			text, err = text.SetText(*s.Before, name)
		} else {
			text, err = text.Remove(name)
		}
		if err != nil {
			return none, err
		}
	}
	if names, err := text.Names(runtimes); r.Runtimes && err == nil && len(names) == 0 {
		if text, err = text.Remove(runtimes); err != nil {
			return none, err
		}
	}
	if names, err := text.Names(); err == nil && len(names) == 0 {
		switch {
		case r.File:
			return files.Change{File: conf, Remove: true}, nil
		case r.Blank != nil:
			return files.Change{File: conf, New: []byte(*r.Blank)}, nil
		}
	}
	return files.Change{File: conf, New: text}, nil
}

// change returns that of the record's own file.
func (r *record) change(f files.File) files.Change {
	if len(r.Entries) == 0 {
		return files.Change{File: f, Remove: true}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		panic(err) // maps and texts
	}
	return files.Change{File: f, New: b.Bytes()}
}

// after returns the file as a change leaves it.
func after(c files.Change) files.File {
	f := c.File
	f.Text, f.Exists = c.New, !c.Remove
	return f
}
