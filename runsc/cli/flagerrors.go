package cli

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"

	"gvisor.dev/gvisor/pkg/log"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/flag"
)

// reportFlagErrors has what is wrong with the runtime's own flags written to
// --log, too. Clients show their users what is there and not what the runtime
// writes to stderr, which is the container's; the engine opens that file only
// when all flags are right.
func reportFlagErrors() {
	util.ErrorLogger = earlyLog{} // the engine replaces it
	flag.CommandLine.SetOutput(new(flagOutput))
}

// earlyLog writes to the file that --log names.
type earlyLog struct{}

func (earlyLog) Write(b []byte) (int, error) {
	name := logFlag()
	if name == "" {
		return len(b), nil
	}
	f, err := log.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, &log.DefaultFileOpts{})
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Write(b)
}

// logFlag is the value of --log, which may not be parsed yet: a client's flags
// follow those that its user has configured.
func logFlag() string {
	for args := flag.CommandLine.Args(); len(args) > 0 && strings.HasPrefix(args[0], "-"); args = args[1:] {
		name, value, ok := strings.Cut(strings.TrimPrefix(args[0][1:], "-"), "=")
		f := flag.Lookup(name)
		if f == nil {
			continue
		}
		if b, is := f.Value.(interface{ IsBoolFlag() bool }); !ok && !(is && b.IsBoolFlag()) && len(args) > 1 {
			args = args[1:]
			value = args[0]
		}
		if name == "log" {
			return value
		}
	}
	return flag.Lookup("log").Value.String()
}

// flagOutput is where an error in the flags is written, and then their usage; or
// the usage alone, for who asks for it.
type flagOutput struct{ begun bool }

// flagErrors are the beginnings of all errors that package flag has.
var flagErrors = []string{"invalid value ", "invalid boolean ", "flag provided but not defined: ", "flag needs an argument: ", "bad flag syntax: "}

func (o *flagOutput) Write(b []byte) (int, error) {
	isError := slices.ContainsFunc(flagErrors, func(start string) bool { return strings.HasPrefix(string(b), start) })
	if !o.begun && isError {
		// As the engine's util.Errorf has it.
		record, err := json.Marshal(map[string]any{"level": "error", "time": time.Now(), "msg": strings.TrimSpace(string(b))})
		if err == nil {
			_, _ = util.ErrorLogger.Write(record) // stderr has it in any case
		}
	}
	o.begun = true
	return os.Stderr.Write(b)
}
