package overlaymount

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"
)

// Refusal is the kernel's error, explained.
type Refusal struct {
	// Findings are what probably made the kernel refuse. There may be none.
	Findings []*Finding

	// Log is what the kernel said of it, without the marks of its severity.
	Log []string

	// Err is the kernel's error.
	Err error
}

// Error implements error: the findings, then the kernel's own words.
func (r *Refusal) Error() string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.Error())
	}
	s := strings.Join(all, "; ")
	if s == "" {
		s = "overlay refused"
	}
	if len(r.Log) > 0 {
		s += ": the kernel says " + quote(strings.Join(r.Log, "; "))
	}
	return s + ": " + r.Err.Error()
}

// Unwrap makes the findings and the kernel's error known to errors.Is and
// errors.As.
func (r *Refusal) Unwrap() []error {
	all := make([]error, 0, len(r.Findings)+1)
	for _, f := range r.Findings {
		all = append(all, f)
	}
	return append(all, r.Err)
}

// Explain says why the kernel refused to mount an overlay, as a *Refusal: by its
// error, and by the lines that could be read from the descriptor of fsopen(2).
// Most reasons the kernel writes to its own log only, so the facts have to tell.
// Without an error of the kernel there is nothing to explain, and it returns nil.
func Explain(m Mount, f Facts, err error, kernelLog []string) error {
	if err == nil {
		return nil
	}
	r := &Refusal{Err: err}
	for _, line := range kernelLog {
		if line = trimLine(line); line != "" {
			r.Log = append(r.Log, line)
		}
	}
	for _, line := range r.Log {
		if named := namedOption(line); named != nil {
			r.Findings = append(r.Findings, named)
		}
	}
	if len(r.Findings) == 0 {
		r.Findings = suspects(m, f, err, r.Log)
	}
	return r
}

// trimLine takes off the mark that the kernel puts before a line: e, w or i.
func trimLine(line string) string {
	line = strings.TrimSpace(line)
	for _, mark := range []string{"e ", "w ", "i "} {
		if rest, ok := strings.CutPrefix(line, mark); ok {
			return rest
		}
	}
	return line
}

// namedOption finds the option that a line of fs/fs_parser.c or fs/fs_context.c is
// about.
func namedOption(line string) *Finding {
	if key, ok := between(line, "Unknown parameter '", "'"); ok {
		f := &Finding{Code: CodeUnknownOption, Option: key, Problem: "is no option of an overlay on this kernel", Fix: "remove it"}
		if near, ok := Nearest(key); ok && near != key {
			f.Fix = "did you mean " + near + "?"
		} else if since, ok := Since(key); ok {
			f.Fix = "use Linux " + since + " or later, or remove it"
		}
		return f
	}
	for _, before := range []string{"Bad value for '", "Unexpected value for '"} {
		if key, ok := between(line, before, "'"); ok {
			f := &Finding{Code: CodeValue, Option: key, Problem: "has a value that it does not take", Fix: "remove the value"}
			if o, _ := lookup(key); len(o.values) > 0 {
				f.Fix = "write one of " + join(o.values)
			}
			return f
		}
	}
	return nil
}

func between(s, before, after string) (string, bool) {
	_, s, ok := strings.Cut(s, before)
	if !ok {
		return "", false
	}
	s, _, ok = strings.Cut(s, after)
	return s, ok
}

// suspects are the findings that fit what the kernel said, or its error.
func suspects(m Mount, f Facts, err error, log []string) []*Finding {
	all := Check(m, f, Host)
	if codes := codesOf(log, err); codes != nil {
		all = slices.DeleteFunc(all, func(f *Finding) bool { return !slices.Contains(codes, f.Code) })
	}
	certain := slices.DeleteFunc(slices.Clone(all), func(f *Finding) bool { return f.Warning })
	if len(certain) > 0 {
		return certain
	}
	if len(all) == 0 && errors.Is(err, syscall.ELOOP) {
		return []*Finding{{
			Code: CodeNested, Problem: "two layers are one directory, or one is inside another", Fix: "use directories that are apart",
		}}
	}
	if len(all) == 0 && len(log) == 0 {
		return []*Finding{{Code: CodeRefused, Problem: "the kernel gives no reason here", Fix: "look in its log (dmesg)"}}
	}
	return all
}

// kernelWords are parts of the kernel's messages, and what they are about.
var kernelWords = []struct {
	words string
	codes []Code
}{
	{"conflicting options", []Code{CodeConflict}},
	{"requires permission to access trusted", []Code{CodeConflict}},
	{"not supported as upperdir", []Code{CodeUpperFilesystem}},
	{"missing required features", []Code{CodeUpperFilesystem}},
	{"not supported", []Code{CodeFilesystem}},
	{"is read-only", []Code{CodeReadOnly}},
	{"upper fs is r/o", []Code{CodeReadOnly}},
	{"not a directory", []Code{CodeNotDirectory}},
	{"failed to resolve", []Code{CodeLayer}},
	{"too many lower directories", []Code{CodeTooManyLower}},
	{"stacking depth", []Code{CodeDepth}},
	{"under the same mount", []Code{CodeMounts}},
	{"separate subtrees", []Code{CodeSame, CodeNested}},
	{"overlapping", []Code{CodeSame, CodeNested}},
	{"conflicting", []Code{CodeSame, CodeNested}},
	{"missing 'workdir'", []Code{CodeNoWork}},
	{"missing 'lowerdir'", []Code{CodeNoLower}},
	{"non-data lowerdir", []Code{CodeNoLower}},
	{"at least 2 lowerdir", []Code{CodeOneLower}},
	{"incompat feature", []Code{CodeVolatile}},
	{"is in-use", []Code{CodeInUse}},
	{"failed to clone", []Code{CodeSubmounts}},
}

// codesOf are what the kernel's words, or else its error, can be about. Nil:
// anything.
func codesOf(log []string, err error) (codes []Code) {
	for _, line := range log {
		for _, k := range kernelWords {
			if strings.Contains(line, k.words) {
				codes = append(codes, k.codes...)
				break
			}
		}
	}
	switch {
	case len(codes) > 0:
		return codes
	case errors.Is(err, syscall.ELOOP):
		return []Code{CodeSame, CodeNested, CodeLayer}
	case errors.Is(err, syscall.EBUSY):
		return []Code{CodeInUse}
	case errors.Is(err, syscall.ENODEV):
		return []Code{CodeNoOverlay}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EACCES):
		return []Code{CodeLayer}
	case errors.Is(err, syscall.ENOTDIR):
		return []Code{CodeLayer, CodeNotDirectory}
	}
	return nil
}
