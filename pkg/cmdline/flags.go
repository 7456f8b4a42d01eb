package cmdline

import (
	"flag"
	"regexp"
	"strings"
)

func describe(f *flag.Flag) Flag {
	d := Flag{Name: f.Name, Default: f.DefValue}
	d.Value, d.Usage = flag.UnquoteUsage(f)
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	if d.Switch = ok && b.IsBoolFlag(); d.Switch {
		// In the engine's texts a switch has a command between the backquotes.
		d.Value, d.Usage = "", strings.ReplaceAll(f.Usage, "`", "")
		if f.DefValue == "false" {
			d.Default = ""
		}
		return d
	}
	if strings.Contains(d.Value, " ") { // here, too
		d.Value, d.Usage = "value", strings.ReplaceAll(f.Usage, "`", "")
	}
	d.Values = valuesIn(f.Usage)
	return d
}

// Offered reports whether completion has the option: not those that are for the
// engine's tests, or do nothing.
func (f Flag) Offered() bool {
	return !f.ForTests() && !strings.HasPrefix(f.Usage, "DEPRECATED") && len(f.Name) > 1
}

// ForTests reports whether the option is for the engine's own tests.
func (f Flag) ForTests() bool {
	return strings.HasPrefix(f.Name, "TESTONLY") || strings.HasPrefix(f.Usage, "TEST ONLY")
}

// The forms in which usages list all values.
var (
	listAtEnd    = regexp.MustCompile(`: ([a-z0-9]+(?:, [a-z0-9]+)* or [a-z0-9]+)$`)
	listWithBars = regexp.MustCompile(`Values: ([a-z0-9-]+(?:\|[a-z0-9-]+)+)`)
	listWithMark = regexp.MustCompile(`: ([a-z0-9-]+ \(default[^)]*\)(?:(?:, | or |, or )[a-z0-9-]+(?: \([^)]*\))?)+)(?:\.|$)`)
	remark       = regexp.MustCompile(` \([^)]*\)`)
)

// valuesIn reads from a usage what values the option may have.
func valuesIn(usage string) []string {
	if m := listWithBars.FindStringSubmatch(usage); m != nil {
		return strings.Split(m[1], "|")
	}
	m := listAtEnd.FindStringSubmatch(usage)
	if m == nil {
		m = listWithMark.FindStringSubmatch(usage)
	}
	if m == nil {
		return nil
	}
	list := remark.ReplaceAllString(m[1], "")
	return strings.Fields(strings.NewReplacer(", or ", " ", " or ", " ", ",", " ").Replace(list))
}

// directory reports whether the value is probably a directory.
func (f Flag) directory() bool {
	return f.Value == "DIR" || f.Name == "root" || strings.HasSuffix(f.Name, "bundle") || strings.HasSuffix(f.Name, "-root")
}
