package install

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"

	"github.com/directfs/runsc/runsc/internal/install/files"
	"github.com/directfs/runsc/runsc/internal/install/jsontext"
)

// docker is the Docker daemon: the object "runtimes" of daemon.json.
//
// JSON has no comments, and dockerd refuses keys that it does not know, so what
// has been added is kept in a second file beside daemon.json (record.go).
// install writes that first, and uninstall last: a record of a runtime that
// daemon.json does not have means nothing.
type docker struct{}

func (docker) name() string       { return "docker" }
func (docker) reserved() []string { return []string{"runc"} }
func (docker) file(string) string { return "/etc/docker/daemon.json" }
func (docker) reload() string {
	return "systemctl reload docker (elsewhere, send dockerd the signal HUP)"
}
func (docker) check(*task) error { return nil }

func (docker) verify(t *task) string {
	return fmt.Sprintf("docker info --format '{{json .Runtimes}}'; docker run --rm --runtime=%s IMAGE dmesg", t.runtime)
}

func (docker) paths(t *task) ([]string, error) {
	target, err := files.Resolve(t.file)
	return []string{t.file, target + ".runsc-install"}, err
}

// entry is a runtime in daemon.json, as upstream writes it.
type entry struct {
	Path        string   `json:"path,omitempty"`
	RuntimeArgs []string `json:"runtimeArgs,omitempty"`
}

const runtimes = "runtimes"

func (docker) install(t *task, read []files.File) ([]files.Change, error) {
	conf := read[0]
	rec, err := readRecord(read[1])
	if err != nil {
		return nil, err
	}
	text, err := rec.begin(conf)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; correct it first", conf.Path, err)
	}
	old := rec.clone()
	if text, err = t.dockerRuntime(text, conf, rec); err != nil {
		return nil, fmt.Errorf("%s: %w", conf.Path, err)
	}
	if text, err = t.dockerSettings(text, rec); err != nil {
		return nil, fmt.Errorf("%s: %w", conf.Path, err)
	}
	if err := sameBesides(conf.Text, text, rec.settings()...); err != nil {
		return nil, fmt.Errorf("%s: %w", conf.Path, err)
	}
	if conf.Exists && bytes.Equal(conf.Text, text) {
		// The record may be that of a run that was killed.
		return []files.Change{rec.change(read[1])}, nil
	}
	// Until daemon.json is written, either text of the runtime is ours.
	both := rec.clone()
	both.Entries[t.runtime] = append(both.Entries[t.runtime], old.Entries[t.runtime]...)
	first := both.change(read[1])
	return []files.Change{first, {File: conf, New: text}, rec.change(after(first))}, nil
}

// dockerRuntime adds the runtime to the text, or changes it there.
func (t *task) dockerRuntime(text jsontext.Text, conf files.File, rec *record) (jsontext.Text, error) {
	value := entry{t.program, t.flags}
	old, taken := text.Get(runtimes, t.runtime)
	var err error
	switch {
	case taken && sameJSON(old, value):
		if rec.isOurs(t.runtime, old) {
			rec.Entries[t.runtime] = []entry{value}
		}
		return text, nil
	case taken && !t.clobber:
		t.notef("the runtime %q is configured already, as %s, and stays: --clobber=false", t.runtime, oneLine(old))
		return text, nil
	case taken:
		if !rec.isOurs(t.runtime, old) {
			t.notef("the runtime %q in line %d of %s is replaced; it was %s", t.runtime, text.Line(runtimes, t.runtime), conf.Path, oneLine(old))
			// What is changed in ours does not come back.
			if _, ours := rec.Entries[t.runtime]; !ours {
				rec.Replaced[t.runtime] = old
			}
		}
		text, err = text.Set(value, runtimes, t.runtime)
	default:
		if _, ok := text.Get(runtimes); ok {
			text, err = text.Set(value, runtimes, t.runtime)
		} else {
			rec.Runtimes = true
			text, err = text.Set(map[string]entry{t.runtime: value}, runtimes)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w; correct it first", err)
	}
	rec.Entries[t.runtime] = []entry{value}
	return text, nil
}

// dockerSettings sets what --experimental and --cgroupdriver ask for, as
// upstream does.
func (t *task) dockerSettings(text jsontext.Text, rec *record) (jsontext.Text, error) {
	var err error
	if t.experimental {
		if text, err = rec.set(text, "experimental", true); err != nil {
			return nil, err
		}
	}
	if t.cgroupDriver == "" {
		return text, nil
	}
	var opts []any
	if old, ok := text.Get("exec-opts"); ok {
		if err := json.Unmarshal([]byte(old), &opts); err != nil {
			return nil, fmt.Errorf("line %d: exec-opts is %s: not a list; correct it first", text.Line("exec-opts"), oneLine(old))
		}
	}
	driver := regexp.MustCompile(`^native.cgroupdriver=`)
	if t.clobber {
		opts = slices.DeleteFunc(opts, func(o any) bool { s, ok := o.(string); return !ok || driver.MatchString(s) })
	}
	if want := "native.cgroupdriver=" + t.cgroupDriver; !slices.Contains(opts, any(want)) {
		opts = append(opts, want)
	}
	return rec.set(text, "exec-opts", opts)
}

func (docker) uninstall(t *task, read []files.File) ([]files.Change, error) {
	conf := read[0]
	rec, err := readRecord(read[1])
	if err != nil {
		return nil, err
	}
	if conf.Exists && len(bytes.TrimSpace(conf.Text)) > 0 {
		if err := jsontext.Check(conf.Text); err != nil {
			return nil, fmt.Errorf("%s: %w; correct it first", conf.Path, err)
		}
	}
	text := jsontext.Text(conf.Text)
	if len(bytes.TrimSpace(text)) == 0 {
		text = jsontext.Text("{}")
	}
	rec.forget(text, t.runtime)
	current, there := text.Get(runtimes, t.runtime)
	_, recorded := rec.Entries[t.runtime]
	change := files.Change{File: conf, New: conf.Text, Remove: !conf.Exists}
	switch before, replaced := rec.Replaced[t.runtime]; {
	case !there && !recorded:
		return nil, fmt.Errorf("runtime %q: %w in %s", t.runtime, errNotInstalled, conf.Path)
	case !there || replaced && current == before:
		// A run that was killed has done it, but for the record.
	case !recorded && !t.discardEdits && !t.isThis(current):
		return nil, fmt.Errorf("runtime %q: %w in %s; what line %d has is another, %s: --discard-edits removes it nevertheless",
			t.runtime, errNotInstalled, conf.Path, text.Line(runtimes, t.runtime), oneLine(current))
	default:
		if change, err = t.dockerRemove(text, current, conf, rec); err != nil {
			return nil, fmt.Errorf("%s: %w", conf.Path, err)
		}
	}
	delete(rec.Entries, t.runtime)
	delete(rec.Replaced, t.runtime)
	return []files.Change{change, rec.change(read[1])}, nil
}

// dockerRemove returns the change that takes the runtime out.
func (t *task) dockerRemove(text jsontext.Text, current string, conf files.File, rec *record) (files.Change, error) {
	none := files.Change{}
	if name, _ := text.Get("default-runtime"); sameJSON(name, t.runtime) {
		return none, fmt.Errorf("line %d: default-runtime is %q, and dockerd would not start without that runtime; change default-runtime first",
			text.Line("default-runtime"), t.runtime)
	}
	_, recorded := rec.Entries[t.runtime]
	if recorded && !rec.isOurs(t.runtime, current) && !t.discardEdits {
		return none, fmt.Errorf("line %d: somebody has changed the runtime %q since runsc install wrote it: %s; --discard-edits removes it nevertheless",
			text.Line(runtimes, t.runtime), t.runtime, oneLine(current))
	}
	var err error
	if before, ok := rec.Replaced[t.runtime]; ok {
		text, err = text.SetText(before, runtimes, t.runtime)
	} else {
		text, err = text.Remove(runtimes, t.runtime)
	}
	if err != nil {
		return none, err
	}
	if len(rec.Entries) > 1 || !recorded {
		// Runtimes of ours stay, or it is none: upstream does no more either.
		return files.Change{File: conf, New: text}, nil
	}
	return rec.end(text, conf)
}

// isThis reports whether an entry is this program, as upstream's install writes
// it too.
func (t *task) isThis(text string) bool {
	var e entry
	return json.Unmarshal([]byte(text), &e) == nil && e.Path == t.program
}

// oneLine is a JSON text for a message.
func oneLine(text string) string {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		return text
	}
	return b.String()
}

// sameJSON reports whether a JSON text is a value.
func sameJSON(text string, value any) bool {
	want, err := json.Marshal(value)
	if err != nil {
		return false
	}
	var a, b any
	return json.Unmarshal([]byte(text), &a) == nil && json.Unmarshal(want, &b) == nil && reflect.DeepEqual(a, b)
}

// sameBesides returns an error if anything but runtimes and some other members
// differs. It should not happen; if it did, nothing would be written.
func sameBesides(old []byte, text jsontext.Text, members ...string) error {
	if len(bytes.TrimSpace(old)) == 0 {
		return nil
	}
	var a, b map[string]any
	if err := json.Unmarshal(old, &a); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &b); err != nil {
		return fmt.Errorf("the result would not be valid JSON (%w); add the runtime by hand", err)
	}
	for _, m := range append(members, runtimes) {
		delete(a, m)
		delete(b, m)
	}
	if !reflect.DeepEqual(a, b) {
		return fmt.Errorf("the result would differ in more than %v; add the runtime by hand", append(members, runtimes))
	}
	return nil
}
