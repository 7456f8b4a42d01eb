package install

import (
	"errors"
	goflag "flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"gvisor.dev/gvisor/pkg/sentry/platform"
	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
	"gvisor.dev/gvisor/runsc/gvisorbinaries"
)

// checkProgram finds this program and refuses what could not run containers.
func (t *task) checkProgram(conf *config.Config) error {
	var err error
	if t.program, err = os.Executable(); err != nil {
		return fmt.Errorf("path of this program: %w", err)
	}
	if _, err := os.Stat(t.program); err != nil {
		return fmt.Errorf("path of this program: %w; it was moved or removed while it ran: run it from where it is now", err)
	}
	if !utf8.ValidString(t.program) || strings.ContainsFunc(t.program, unicode.IsControl) {
		return fmt.Errorf("path of this program, %q: not plain UTF-8, which configuration files are; move it elsewhere", t.program)
	}
	for _, b := range []gvisorbinaries.Binary{gvisorbinaries.GvisorSentry, gvisorbinaries.GvisorSentryPluginStack} {
		if path, err := b.Path(); err == nil {
			return fmt.Errorf("%s would run in place of this runtime's sandbox process, and no container would be created; remove it, or move this runsc to a directory without gvisor-bin", path)
		}
	}
	own, err := t.checkFlags(flag.CommandLine)
	if err != nil {
		return err
	}
	for _, name := range slices.Compact([]string{conf.Platform, own.Platform}) {
		if err := t.checkPlatform(name, own.PlatformDevicePath); err != nil {
			return err
		}
	}
	t.warnWritable(t.program)
	return nil
}

// checkPlatform does what upstream's command does.
func (t *task) checkPlatform(name, device string) error {
	p, err := platform.Lookup(name)
	if err != nil {
		return usagef("--platform=%q: %w", name, err)
	}
	f, err := p.OpenDevice(device)
	if err != nil {
		t.warnf("--platform=%s: its device cannot be opened (%v), so containers may not start", name, err)
	}
	if f != nil {
		f.Close()
	}
	return nil
}

// checkFlags refuses flags for the runtime that this one does not have, and
// values that it would refuse later, when a container starts.
func (t *task) checkFlags(known *flag.FlagSet) (*config.Config, error) {
	f := flag.NewFlagSet("runsc", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	config.RegisterFlags(f)
	// This runtime's own. Their values are this process's, which does not use them.
	known.VisitAll(func(fl *flag.Flag) {
		if f.Lookup(fl.Name) == nil && !slices.Contains([]string{"help", "h", "version"}, fl.Name) {
			f.Var(fl.Value, fl.Name, fl.Usage)
		}
	})
	if err := f.Parse(t.flags); errors.Is(err, goflag.ErrHelp) {
		return nil, usagef("--help after \"--\": it would be passed to the runtime each time; use \"runsc flags\"")
	} else if err != nil {
		return nil, usagef("flags for the runtime: %w; \"runsc flags\" lists those that it has, and a value stands after \"=\"", err)
	}
	if f.NArg() > 0 {
		return nil, usagef("argument %q after \"--\": not a flag; flags for the runtime begin with --, and a value stands after \"=\"", f.Arg(0))
	}
	conf, err := config.NewFromFlags(f)
	if err != nil {
		return nil, usagef("flags for the runtime: %w", err)
	}
	t.settings, err = table(f, t.flags)
	return conf, err
}

// table returns flags by name. A table has one value for each.
func table(f *flag.FlagSet, args []string) (map[string]string, error) {
	t := map[string]string{}
	for i := 0; i < len(args) && args[i] != "--"; i++ {
		name, value, ok := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if !ok {
			if b, is := f.Lookup(name).Value.(interface{ IsBoolFlag() bool }); is && b.IsBoolFlag() {
				value = "true"
			} else {
				i++
				value = args[i]
			}
		}
		switch old, twice := t[name]; {
		case !twice || old == value:
			t[name] = value
		case name == "volume-daemon":
			t[name] = old + "," + value
		default:
			return nil, usagef("--%s=%q and --%s=%q: one flag with two values; leave one out", name, old, name, value)
		}
	}
	return t, nil
}

// warnWritable says where another user could put another program in the place
// of one that runs as root.
func (t *task) warnWritable(path string) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return
	}
	for at := real; ; at = filepath.Dir(at) {
		info, err := os.Lstat(at)
		if err != nil {
			return
		}
		if who := writer(info); who != "" {
			t.warnf("%s: %s may write to %s, and so decide what runs as root in its place; install it where only root may write, such as /usr/local/bin", path, who, at)
			return
		}
		if at == "/" {
			return
		}
	}
}

// writer returns who may change a file, or what is in a directory, besides root
// and this user; "" if nobody may.
func writer(info os.FileInfo) string {
	s := info.Sys().(*syscall.Stat_t)
	mode := info.Mode()
	// In a sticky directory others replace only what is theirs.
	sticky := mode.IsDir() && mode&os.ModeSticky != 0
	switch {
	case s.Uid != 0 && int(s.Uid) != os.Geteuid():
		return fmt.Sprintf("user %d", s.Uid)
	case sticky:
		return ""
	case mode.Perm()&0o002 != 0:
		return "everybody"
	case mode.Perm()&0o020 != 0 && s.Gid != 0:
		return fmt.Sprintf("group %d", s.Gid)
	}
	return ""
}
